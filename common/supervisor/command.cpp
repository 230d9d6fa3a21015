#include "common/supervisor/command.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <variant>

#include "common/base/signals_blocked.h"
#include "common/supervisor/guard_process.h"
#include "common/supervisor/inherited.h"

namespace leader {
namespace {

constexpr int kFirstOtherDescriptor = 3;

std::string reason(int error) {
    return std::strerror(error);
}

CommandError notExecutable(const std::string& name, const std::string& why) {
    return {"cannot execute '" + name + "': " + why, exit_code::kNotExecutable};
}

// Why `path` cannot be executed: 0 or an errno value. access(2) for the effective user, as execve(2) decides.
int obstacleTo(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return errno;
    if (S_ISDIR(info.st_mode)) return EISDIR;
    return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

bool meansNotFound(int error) {
    return error == ENOENT || error == ENOTDIR;
}

std::string searchPath() {
    if (const char* path = getenv("PATH")) return path;
    std::array<char, 256> standard{};
    confstr(_CS_PATH, standard.data(), standard.size());
    return standard.data();
}

// The file that a command's name stands for.
std::variant<std::string, CommandError> resolve(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        const int obstacle = obstacleTo(name);
        if (obstacle == 0) return name;
        if (meansNotFound(obstacle))
            return CommandError{"command '" + name + "' not found: " + reason(obstacle),
                                exit_code::kNotFound};
        return notExecutable(name, reason(obstacle));
    }
    const std::string path = searchPath();
    std::optional<CommandError> found;
    for (std::size_t begin = 0; !name.empty() && begin <= path.size();) {
        const std::size_t end = std::min(path.find(':', begin), path.size());
        const std::string directory = path.substr(begin, end - begin);
        const std::string candidate = (directory.empty() ? "." : directory) + "/" + name;
        const int obstacle = obstacleTo(candidate);
        if (obstacle == 0) return candidate;
        if (!found && !meansNotFound(obstacle)) found = notExecutable(candidate, reason(obstacle));
        begin = end + 1;
    }
    if (found) return *found;
    return CommandError{"command '" + name + "' not found in PATH (" + path + ")", exit_code::kNotFound};
}

CommandError execError(const std::string& name, const std::string& file, int error) {
    if (error == ENOEXEC)
        return notExecutable(name, "neither a binary for this machine nor a script with #!");
    if (meansNotFound(error)) {
        if (obstacleTo(file) == 0) return notExecutable(name, "its interpreter or loader does not exist");
        return {"command '" + name + "' not found: " + reason(error), exit_code::kNotFound};
    }
    return notExecutable(name, reason(error));
}

// What execve(2) takes, made before the fork: the child must not allocate.
class ExecImage {
  public:
    ExecImage(std::string file, const std::vector<std::string>& argv, const Environment& environment)
        : file_(std::move(file)), argv_(argv) {
        for (char** entry = environ; *entry != nullptr; ++entry)
            if (!replaced(*entry, environment)) envp_.emplace_back(*entry);
        for (const auto& [name, value] : environment) envp_.push_back(name + "=" + value);
        for (std::string& word : argv_) argvPointers_.push_back(word.data());
        for (std::string& entry : envp_) envpPointers_.push_back(entry.data());
        argvPointers_.push_back(nullptr);
        envpPointers_.push_back(nullptr);
    }
    ExecImage(const ExecImage&) = delete;
    ExecImage& operator=(const ExecImage&) = delete;

    const std::string& file() const { return file_; }
    void exec() const { execve(file_.c_str(), argvPointers_.data(), envpPointers_.data()); }

  private:
    static bool replaced(const std::string& entry, const Environment& environment) {
        for (const auto& [name, value] : environment)
            if (entry.compare(0, name.size(), name) == 0 && entry[name.size()] == '=') return true;
        return false;
    }

    std::string file_;
    std::vector<std::string> argv_;
    std::vector<std::string> envp_;
    std::vector<char*> argvPointers_;
    std::vector<char*> envpPointers_;
};

// close_range(2) is of Linux 5.9, its flag of 5.11, and some containers' seccomp profiles refuse it.
template <typename One>
void forOthers([[maybe_unused]] unsigned flags, One one) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, kFirstOtherDescriptor, ~0U, flags) == 0) return;
#endif
    const long limit = sysconf(_SC_OPEN_MAX);
    for (int fd = kFirstOtherDescriptor; fd < limit; ++fd) one(fd);
}

// Not left to execve(2): that lets the parent of a vfork(2) go on before it closes anything, and what the
// parent closes meanwhile would stay open, and in its epoll instance.
void closeOthers() {
    forOthers(0, [](int fd) { close(fd); });
}

// For this process itself, which needs them again if execve(2) fails.
void closeOthersOnExec() {
    constexpr unsigned kCloseOnExec = 1U << 2;
    forOthers(kCloseOnExec, [](int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); });
}

// To be called with all signals blocked: one that arrives meanwhile takes effect with the last call, under
// the command's own dispositions. Async-signal-safe, as it runs between fork and exec.
void restoreInherited() {
    const Inherited& given = inherited();
    setrlimit(RLIMIT_NOFILE, &given.openFiles);
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
        struct sigaction action {};
        action.sa_handler = sigismember(&given.ignored, signal) == 1 ? SIG_IGN : SIG_DFL;
        sigaction(signal, &action, nullptr);
    }
    sigprocmask(SIG_SETMASK, &given.mask, nullptr);
}

// The guard knows the command, and the lease allows it to start: 0, or an errno value. Here and not in the
// parent, which may be stopped between asking and starting.
int underGuard(const SpawnOptions& options) {
    const guard::Message message{getpid()};
    if (send(options.guard, &message, sizeof message, MSG_NOSIGNAL) < 0) return errno;
    return Clock::system().now() < options.notAfter ? 0 : ETIME;
}

// Runs on the parent's memory, which waits: nothing here may allocate or change what is not its own.
[[noreturn]] void runChild(const ExecImage& image, const SpawnOptions& options, pid_t parent,
                           volatile int& error) {
    setpgid(0, 0);
    if (options.terminal >= 0) tcsetpgrp(options.terminal, getpid());
    if (options.dieWithParent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(exit_code::kNotExecutable);
    }
    if (options.guard >= 0) {
        error = underGuard(options);
        if (error != 0) _exit(exit_code::kNotExecutable);
    }
    closeOthers();
    restoreInherited();
    image.exec();
    error = errno;
    _exit(exit_code::kNotExecutable);
}

}  // namespace

std::optional<CommandError> checkCommand(const std::vector<std::string>& argv) {
    auto resolved = resolve(argv.front());
    if (auto* error = std::get_if<CommandError>(&resolved)) return std::move(*error);
    return {};
}

Spawned spawnCommand(const std::vector<std::string>& argv, const Environment& environment,
                     const SpawnOptions& options) {
    auto resolved = resolve(argv.front());
    if (auto* error = std::get_if<CommandError>(&resolved)) return {-1, std::move(*error)};
    const ExecImage image(std::get<std::string>(std::move(resolved)), argv, environment);

    const AllSignalsBlocked blocked;
    const pid_t parent = getpid();
    volatile int error = 0;
    // Not fork(2): copying the page tables, and then each page that either side touches, is half of the
    // time from a change of the metadata to the command's first instruction: 2.2 times the floor, not 1.2.
    // NOLINTBEGIN(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork)
    const pid_t child = vfork();
    if (child < 0) return {-1, notExecutable(argv.front(), "no process can be started: " + reason(errno))};
    if (child == 0) runChild(image, options, parent, error);
    // NOLINTEND(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork)
    if (error == 0) return {child, {}, false};
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (options.guard >= 0 && error == ETIME) return {};
    if (options.guard >= 0 && (error == EPIPE || error == ECONNRESET))
        return {-1, notExecutable(argv.front(), "the guard process has ended"), true};
    return {-1, execError(argv.front(), image.file(), error)};
}

CommandError execCommand(const std::vector<std::string>& argv, const Environment& environment) {
    auto resolved = resolve(argv.front());
    if (auto* error = std::get_if<CommandError>(&resolved)) return std::move(*error);
    const ExecImage image(std::get<std::string>(std::move(resolved)), argv, environment);
    const AllSignalsBlocked blocked;
    closeOthersOnExec();
    restoreInherited();
    image.exec();
    return execError(argv.front(), image.file(), errno);
}

Result<int> parseExitCode(const std::string& text) {
    constexpr int kHighest = 255;
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kHighest)
        return Error{"'" + text + "' is not an exit code: give a number from 0 to 255"};
    return value;
}

}  // namespace leader
