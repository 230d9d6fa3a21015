#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <system_error>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/system_error.h"

extern char** environ;

namespace leader::test {
namespace {

std::pair<UniqueFd, UniqueFd> makePipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string inPath(const std::string& program) {
    if (program.find('/') != std::string::npos) return program;
    const char* path = std::getenv("PATH");
    std::istringstream directories(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
    for (std::string directory; std::getline(directories, directory, ':');) {
        auto candidate = std::filesystem::path(directory) / program;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return program;
}

std::vector<std::string> environmentOf(const Process::Options& options) {
    std::map<std::string, std::string> merged = options.environment;
    for (char** entry = environ; *entry; ++entry) {
        const std::string text = *entry;
        const auto name = text.substr(0, text.find('='));
        if (name.rfind("LEADER_", 0) == 0) continue;
        merged.emplace(name, text.size() > name.size() ? text.substr(name.size() + 1) : "");
    }
    std::vector<std::string> out;
    out.reserve(merged.size());
    for (const auto& [name, value] : merged) out.push_back(std::string(name).append("=").append(value));
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> out;
    out.reserve(strings.size() + 1);
    for (auto& each : strings) out.push_back(each.data());
    out.push_back(nullptr);
    return out;
}

// Between fork and exec: system calls only, since other threads may hold any lock.
struct ChildPlan {
    const char* path;
    char** arguments;
    char** environment;
    const char* directory;
    const char* hostsFile;
    int networkNamespace;
    int input;
    int output;
    int errors;
    bool onTerminal;
    sigset_t mask;
};

[[noreturn]] void giveUp(const char* what) {
    [[maybe_unused]] auto written = ::write(STDERR_FILENO, what, std::strlen(what));
    ::_exit(124);
}

[[noreturn]] void becomeChild(const ChildPlan& plan) {
    ::dup2(plan.input, STDIN_FILENO);
    ::dup2(plan.output, STDOUT_FILENO);
    ::dup2(plan.errors, STDERR_FILENO);
    if (plan.onTerminal && (::setsid() < 0 || ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0)) giveUp("setsid\n");
    if (plan.networkNamespace >= 0 && ::setns(plan.networkNamespace, CLONE_NEWNET) != 0) giveUp("setns\n");
    if (plan.hostsFile) {
        if (::unshare(CLONE_NEWNS) != 0) giveUp("unshare\n");
        if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) giveUp("mount /\n");
        if (::mount(plan.hostsFile, "/etc/hosts", nullptr, MS_BIND, nullptr) != 0) giveUp("mount hosts\n");
    }
    if (plan.directory && ::chdir(plan.directory) != 0) giveUp("chdir\n");
    // Poco's sockets are inherited otherwise, and a server that is stopped would go on listening in the
    // child.
    ::close_range(STDERR_FILENO + 1, ~0U, 0);
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
    ::sigprocmask(SIG_SETMASK, &plan.mask, nullptr);
    ::execve(plan.path, plan.arguments, plan.environment);
    giveUp("execve\n");
}

/// The two ends of a new terminal, the user's and the program's.
std::pair<UniqueFd, UniqueFd> makeTerminal() {
    UniqueFd user(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    std::array<char, 64> name{};
    if (!user || ::grantpt(user.get()) != 0 || ::unlockpt(user.get()) != 0 ||
        ::ptsname_r(user.get(), name.data(), name.size()) != 0)
        fail("cannot make a terminal");
    UniqueFd program(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios settings{};
    if (!program || ::tcgetattr(program.get(), &settings) != 0) fail(name.data());
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    if (::tcsetattr(program.get(), TCSANOW, &settings) != 0) fail(name.data());
    return {std::move(user), std::move(program)};
}

UniqueFd copyOf(const UniqueFd& fd) {
    UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) fail("dup");
    return copy;
}

}  // namespace

Process::Process(Options options) : stop_(::eventfd(0, EFD_CLOEXEC)) {
    const std::string path = inPath(options.command.at(0));
    if (!options.name.empty()) options.command[0] = options.name;
    auto environment = environmentOf(options);
    auto argumentPointers = pointers(options.command);
    auto environmentPointers = pointers(environment);
    auto [inputRead, inputWrite] = makePipe();
    auto [outputRead, outputWrite] = makePipe();
    auto [errorRead, errorWrite] = makePipe();
    if (options.onTerminal) {
        std::tie(outputRead, outputWrite) = makeTerminal();
        inputRead = copyOf(outputWrite);
        errorWrite = copyOf(outputWrite);
        inputWrite = copyOf(outputRead);
    }
    ChildPlan plan{.path = path.c_str(),
                   .arguments = argumentPointers.data(),
                   .environment = environmentPointers.data(),
                   .directory = options.directory.empty() ? nullptr : options.directory.c_str(),
                   .hostsFile = options.hostsFile.empty() ? nullptr : options.hostsFile.c_str(),
                   .networkNamespace = options.networkNamespace,
                   .input = inputRead.get(),
                   .output = outputWrite.get(),
                   .errors = errorWrite.get(),
                   .onTerminal = options.onTerminal,
                   .mask = {}};
    sigemptyset(&plan.mask);
    for (const int number : options.blockedSignals) sigaddset(&plan.mask, number);

    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) becomeChild(plan);
    pidFd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidFd_) fail("pidfd_open");
    input_ = std::move(inputWrite);
    outputPipe_ = std::move(outputRead);
    errorPipe_ = std::move(errorRead);
    ::fcntl(outputPipe_.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(errorPipe_.get(), F_SETFL, O_NONBLOCK);
    follower_ = std::thread([this] { follow(); });
}

Process::~Process() {
    for (const pid_t each : descendants(pid_)) ::kill(each, SIGKILL);
    if (running()) ::kill(pid_, SIGKILL);
    input_.reset();
    waitForExit();
    const std::uint64_t one = 1;
    [[maybe_unused]] auto written = ::write(stop_.get(), &one, sizeof one);
    follower_.join();
}

void Process::signal(int number) const {
    const std::lock_guard lock(mutex_);
    if (!exit_) ::kill(pid_, number);
}

std::string Process::output() const {
    const std::lock_guard lock(mutex_);
    return output_;
}

std::string Process::errors() const {
    const std::lock_guard lock(mutex_);
    return errors_;
}

bool Process::running() const {
    const std::lock_guard lock(mutex_);
    return !exit_;
}

bool Process::waitForOutput(const std::string& pattern, std::chrono::milliseconds base) {
    return waitFor(output_, pattern, base);
}

bool Process::waitForErrors(const std::string& pattern, std::chrono::milliseconds base) {
    return waitFor(errors_, pattern, base);
}

bool Process::waitFor(const std::string& text, const std::string& pattern, std::chrono::milliseconds base) {
    const std::regex expression(pattern, std::regex::ECMAScript | std::regex::multiline);
    std::unique_lock lock(mutex_);
    // After the exit nothing of the child's own is missing, so there is nothing left to wait for.
    news_.wait_for(lock, patience(base), [&] { return exit_ || std::regex_search(text, expression); });
    return std::regex_search(text, expression);
}

std::optional<Exit> Process::waitForExit(std::chrono::milliseconds base) {
    std::unique_lock lock(mutex_);
    news_.wait_for(lock, patience(base), [&] { return exit_.has_value(); });
    return exit_;
}

std::optional<int> Process::exitCode(std::chrono::milliseconds base) {
    const auto exit = waitForExit(base);
    if (!exit) return std::nullopt;
    return exit->code ? *exit->code : 128 + *exit->signal;
}

void Process::write(const std::string& text) const {
    if (::write(input_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail("write");
}

pid_t Process::foreground() const {
    return ::tcgetpgrp(input_.get());
}

void Process::resize(unsigned short rows, unsigned short columns) const {
    const winsize size{rows, columns, 0, 0};
    if (::ioctl(input_.get(), TIOCSWINSZ, &size) != 0) fail("TIOCSWINSZ");
}

void Process::follow() {
    while (true) {
        std::array<pollfd, 4> watched{{{outputPipe_.get(), POLLIN, 0},
                                       {errorPipe_.get(), POLLIN, 0},
                                       {pidFd_.get(), POLLIN, 0},
                                       {stop_.get(), POLLIN, 0}}};
        ::poll(watched.data(), watched.size(), -1);
        const std::lock_guard lock(mutex_);
        // Both pipes first: what was written before the end must be there when the end is seen.
        if (outputPipe_ && !drain(outputPipe_, output_)) outputPipe_.reset();
        if (errorPipe_ && !drain(errorPipe_, errors_)) errorPipe_.reset();
        if (watched[2].revents) collect();
        news_.notify_all();
        if (watched[3].revents) return;
    }
}

// False at the end of the stream.
bool Process::drain(UniqueFd& from, std::string& to) {
    std::array<char, 65536> buffer;
    while (true) {
        const auto count = ::read(from.get(), buffer.data(), buffer.size());
        if (count == 0) return false;
        if (count < 0) return errno == EAGAIN || errno == EINTR;
        to.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

void Process::collect() {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return;
    if (WIFEXITED(status)) {
        exit_ = Exit{.code = WEXITSTATUS(status), .signal = {}};
    } else {
        exit_ = Exit{.code = {}, .signal = WTERMSIG(status)};
    }
    pidFd_.reset();
}

std::string nameOf(pid_t pid) {
    std::string name;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
    return name;
}

char stateOf(pid_t pid) {
    std::string line;
    if (!std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line)) return 0;
    return line.at(line.rfind(')') + 2);
}

bool hasEnded(pid_t pid) {
    const char state = stateOf(pid);
    return state == 0 || state == 'Z' || state == 'X';
}

std::vector<pid_t> descendants(pid_t pid) {
    std::multimap<pid_t, pid_t> childrenOf;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        std::ifstream file(entry.path() / "stat");
        std::string line;
        if (!std::getline(file, line)) continue;
        // The name in parentheses may itself contain anything.
        std::istringstream rest(line.substr(line.rfind(')') + 1));
        std::string state;
        pid_t parent = 0;
        rest >> state >> parent;
        childrenOf.emplace(parent, std::stoi(name));
    }
    std::vector<pid_t> found{pid};
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto [first, last] = childrenOf.equal_range(found[i]);
        for (auto at = first; at != last; ++at) found.push_back(at->second);
    }
    found.erase(found.begin());
    return found;
}

int countLines(const std::string& text, const std::string& pattern) {
    const std::regex expression(pattern);
    std::istringstream lines(text);
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
        if (std::regex_search(line, expression)) ++count;
    }
    return count;
}

}  // namespace leader::test
