#include "common/supervisor/inherited.h"

#include <fcntl.h>
#include <unistd.h>

namespace leader {
namespace {

Inherited given;  // constant-initialised: capture() runs before constructors would

bool isIgnored(int signal) {
    struct sigaction action {};
    return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// A closed 0, 1 or 2 would be the number of the next file or socket that is opened here, and the log and the
// command would use that. The placeholders close themselves in the command.
void occupyStandardDescriptors() {
    for (int fd = 0; fd <= STDERR_FILENO; ++fd)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) < 0) return;
}

void capture() {
    sigprocmask(SIG_BLOCK, nullptr, &given.mask);
    sigemptyset(&given.ignored);
    for (int signal = 1; signal <= SIGRTMAX; ++signal)
        if (isIgnored(signal)) sigaddset(&given.ignored, signal);
    getrlimit(RLIMIT_NOFILE, &given.openFiles);
    occupyStandardDescriptors();
    // The kernel throws away what PID 1 has neither blocked nor handled: a TERM would be lost until main() is
    // ready for it. Anywhere else the default is right so early.
    if (getpid() == 1) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, nullptr);
    }
}

// Before the constructors of all libraries, Poco's among them. It is in the executable wherever inherited()
// is used, as they are one object file.
[[gnu::section(".preinit_array"), gnu::used]] void (*const kCapture)() = capture;

}  // namespace

const Inherited& inherited() {
    return given;
}

}  // namespace leader
