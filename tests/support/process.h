#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.h"

namespace leader::test {

/// How a process ended: its exit code, or the signal that killed it.
struct Exit {
    std::optional<int> code;
    std::optional<int> signal;
};

/// A child process with its standard output and error kept apart. Its standard input is a pipe that closes
/// with this object, so that a command which only reads it ends even if nobody else ends it. The destructor
/// kills the child and all that descends from it, by their process ids.
class Process {
  public:
    struct Options {
        /// The program (looked up in PATH) and its arguments.
        std::vector<std::string> command{};
        /// Added to this process's environment; LEADER_* variables are not inherited.
        std::map<std::string, std::string> environment{};
        std::string directory{};
        /// What argv[0] says, if not the program.
        std::string name{};
        /// A descriptor of /proc/PID/ns/net to run in, or -1.
        int networkNamespace = -1;
        /// Stands in for /etc/hosts, in a mount namespace of the child's own; needs root.
        std::string hostsFile{};
        /// Signals the child starts with blocked.
        std::vector<int> blockedSignals{};
        /// Leads a session on a terminal of its own, which is its standard input, output and error alike; all
        /// it writes is output(). The terminal neither echoes nor changes line ends.
        bool onTerminal = false;
    };

    explicit Process(Options options);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const;

    /// All that was written so far.
    std::string output() const;
    std::string errors() const;

    /// Whether the regular expression (ECMAScript) is found in the output before the deadline.
    bool waitForOutput(const std::string& pattern, std::chrono::milliseconds base = std::chrono::seconds(10));
    bool waitForErrors(const std::string& pattern, std::chrono::milliseconds base = std::chrono::seconds(10));
    /// Nothing if it still runs at the deadline. What it wrote before its end is in output() and errors()
    /// then.
    std::optional<Exit> waitForExit(std::chrono::milliseconds base = std::chrono::seconds(10));
    /// The exit code; 128 + signal if it was killed by one; nothing if it still runs at the deadline.
    std::optional<int> exitCode(std::chrono::milliseconds base = std::chrono::seconds(10));
    bool running() const;

    /// To its standard input; on a terminal, what is typed: "\x03" is Ctrl-C.
    void write(const std::string& text) const;
    void closeInput() { input_.reset(); }

    /// The terminal's foreground process group, and its size.
    pid_t foreground() const;
    void resize(unsigned short rows, unsigned short columns) const;

  private:
    bool waitFor(const std::string& text, const std::string& pattern, std::chrono::milliseconds base);
    void follow();
    bool drain(UniqueFd& from, std::string& to);
    void collect();

    pid_t pid_ = -1;
    UniqueFd input_;
    UniqueFd outputPipe_;
    UniqueFd errorPipe_;
    UniqueFd pidFd_;
    UniqueFd stop_;

    mutable std::mutex mutex_;
    std::condition_variable news_;
    std::string output_;
    std::string errors_;
    std::optional<Exit> exit_;

    std::thread follower_;
};

/// What a process is called; empty once it is gone.
std::string nameOf(pid_t pid);
/// 'R', 'S', 'T', … as /proc has it; 0 once it is gone.
char stateOf(pid_t pid);
/// It runs no more, whether it was reaped or not.
bool hasEnded(pid_t pid);

/// The live processes that descend from `pid`, nearest first.
std::vector<pid_t> descendants(pid_t pid);

/// The number of lines in `text` that contain a match for `pattern`.
int countLines(const std::string& text, const std::string& pattern = "");

}  // namespace leader::test
