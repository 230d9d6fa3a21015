#include "common/supervisor/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "common/base/unique_fd.h"

namespace leader {
namespace {

std::optional<pid_t> pidOf(std::string_view name) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size() || pid <= 0) return {};
    return pid;
}

struct DirectoryCloser {
    void operator()(DIR* directory) const { closedir(directory); }
};

// "PID (NAME) STATE PPID PGRP … START …": the name may hold anything, so what follows its last parenthesis
// counts.
std::optional<Process> parseStat(pid_t pid, const char* text) {
    const char* rest = std::strrchr(text, ')');
    if (rest == nullptr) return {};
    Process process;
    process.pid = pid;
    constexpr const char* kFormat =
        ") %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu";
    constexpr int kFields = 4;
    if (std::sscanf(rest, kFormat, &process.state, &process.parent, &process.group, &process.startTime) !=
        kFields)
        return {};
    return process;
}

}  // namespace

bool ProcessTable::usable() const {
    std::array<char, 32> self{};
    const ssize_t length = readlink((root_ + "/self").c_str(), self.data(), self.size());
    return length > 0 && pidOf({self.data(), static_cast<std::size_t>(length)}) == getpid();
}

std::optional<Process> ProcessTable::read(pid_t pid) const {
    const UniqueFd file(open((root_ + "/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return {};
    std::array<char, 1024> text{};
    if (::read(file.get(), text.data(), text.size() - 1) <= 0) return {};
    return parseStat(pid, text.data());
}

std::vector<Process> ProcessTable::list() const {
    std::vector<Process> processes;
    if (!usable()) return processes;
    const std::unique_ptr<DIR, DirectoryCloser> directory(opendir(root_.c_str()));
    if (!directory) return processes;
    while (const dirent* entry = readdir(directory.get()))
        if (const std::optional<pid_t> pid = pidOf(entry->d_name))
            if (const std::optional<Process> process = read(*pid)) processes.push_back(*process);
    return processes;
}

// A pidfd stays with its process. Where the start time read after it was opened is still the known one, that
// is the process that was meant. Before Linux 5.3 a short time for the pid to change hands remains.
void signalProcess(const ProcessTable& table, const Process& process, int signal) {
    if (process.parent == getpid()) {  // its pid is kept until it is reaped here
        kill(process.pid, signal);
        return;
    }
    const UniqueFd pidFd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
    const bool noSuchCall = !pidFd && errno != ESRCH;
    const std::optional<Process> now = table.read(process.pid);
    if (!now || now->identity() != process.identity()) return;
    if (pidFd)
        syscall(SYS_pidfd_send_signal, pidFd.get(), signal, nullptr, 0);
    else if (noSuchCall)
        kill(process.pid, signal);
}

}  // namespace leader
