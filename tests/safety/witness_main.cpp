// The command of the safety tests: for as long as it or its child lives it holds the one lock, as a service
// would hold its data. It notes its term, and each thing that must not be.
//
//     safety-witness FOLDER

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

struct Note {
    long long term = 0;
    std::string name;
    long pid = 0;
};

Note lastNote(const std::string& path) {
    Note last;
    std::ifstream file(path);
    for (Note note; file >> note.term >> note.name >> note.pid;) last = note;
    return last;
}

void append(const std::string& path, const std::string& line) {
    const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
    close(file);
}

std::string text(const Note& note) {
    return std::to_string(note.term) + " " + note.name + " " + std::to_string(note.pid);
}

}  // namespace

int main(int argc, char** argv) {
    const char* term = std::getenv("LEADER_TERM");
    const char* name = std::getenv("LEADER_NAME");
    if (argc != 2 || term == nullptr || name == nullptr) return 2;
    const std::string folder = std::string(argv[1]) + "/";
    // Only KILL ends it, so that nothing else can stand in for one.
    std::signal(SIGTERM, SIG_IGN);
    const int lock = open((folder + "lock").c_str(), O_RDWR | O_CREAT, 0644);
    if (lock < 0) return 2;
    const Note own{std::atoll(term), name, getpid()};
    const bool taken = flock(lock, LOCK_EX | LOCK_NB) != 0;
    const Note before = lastNote(folder + "terms");
    if (taken)
        append(folder + "violations",
               text(own) + " finds the lock taken, by or after " + text(before) + "\n");
    else if (before.term > own.term)
        append(folder + "violations", text(own) + " comes after " + text(before) + "\n");
    if (!taken) append(folder + "terms", text(own) + "\n");
    // The child has the lock, too, and outlives its parent where nobody kills it.
    fork();
    for (;;) pause();
}
