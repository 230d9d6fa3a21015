#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace leader {

/// A process as /proc/PID/stat shows it (proc(5)).
struct Process {
    pid_t pid = 0;
    pid_t parent = 0;
    pid_t group = 0;
    /// 'T' is stopped, 'Z' a zombie, 'D' one that not even KILL ends now.
    char state = '?';
    /// Clock ticks since the machine's start: with the pid it names the process for good.
    unsigned long long startTime = 0;

    std::pair<pid_t, unsigned long long> identity() const { return {pid, startTime}; }
};

/// Reads a proc(5) file system. Without one, or with one that belongs to another pid namespace, it finds
/// nothing: its pids would be those of strangers.
class ProcessTable {
  public:
    explicit ProcessTable(std::string root = "/proc") : root_(std::move(root)) {}

    bool usable() const;
    std::optional<Process> read(pid_t pid) const;
    /// All processes that can be seen, in no order.
    std::vector<Process> list() const;

  private:
    std::string root_;
};

/// Sends the signal unless the process has ended in the meantime and its pid is another's.
void signalProcess(const ProcessTable& table, const Process& process, int signal);

}  // namespace leader
