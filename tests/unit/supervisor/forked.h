#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "common/supervisor/processes.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"

namespace leader::test {

/// Runs a function in a child process of its own, whose signals, children and descriptors it may turn upside
/// down. Killed with this object if it has not ended.
class Forked {
  public:
    explicit Forked(const std::function<int()>& body) : pid_(fork()) {
        if (pid_ == 0) _exit(body());
    }
    ~Forked() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    Forked(const Forked&) = delete;
    Forked& operator=(const Forked&) = delete;

    pid_t pid() const { return pid_; }

    /// The exit code, 128 + signal, or -1 if it still runs after 20 s.
    int exitCode() {
        const auto deadline = std::chrono::steady_clock::now() + patience(std::chrono::seconds(20));
        int status = 0;
        while (waitpid(pid_, &status, WNOHANG) == 0) {
            if (std::chrono::steady_clock::now() > deadline) return -1;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

  private:
    pid_t pid_;
};

/// Fails a forked scenario with the number of the line that was not as it should be.
#define REQUIRE_HERE(condition) \
    if (!(condition)) return __LINE__ % 250 + 1

inline void expectScenario(const std::function<int()>& body) {
    EXPECT_EQ(0, Forked(body).exitCode());
}

inline bool haveChildren() {
    siginfo_t info{};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

inline bool isDead(pid_t pid) {
    const auto process = ProcessTable().read(pid);
    return !process || process->state == 'Z';
}

}  // namespace leader::test
