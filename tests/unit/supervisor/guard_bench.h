#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <functional>
#include <vector>

#include "common/supervisor/descendants.h"
#include "common/supervisor/guard.h"
#include "tests/support/eventually.h"
#include "tests/unit/supervisor/forked.h"

/// What the tests of a guard, fresh or prepared, are made of. Each scenario runs in a process of its own.
namespace leader::test {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A guard and its loop, for use in a process of their own.
struct GuardBench {
    GuardBench() : guard(loop, [this] { ++lost; }) {}
    ~GuardBench() {
        for (const pid_t group : groups) kill(-group, SIGKILL);
    }
    GuardBench(const GuardBench&) = delete;
    GuardBench& operator=(const GuardBench&) = delete;

    bool start(Duration fromNow) { return !guard.start(loop.now() + fromNow, {}, 0); }
    bool prepare() { return !guard.prepare({}); }

    /// A child that leads a process group, with a child of its own, and that the guard knows. It has written
    /// its pids.
    std::vector<pid_t> startCommand(const std::string& script = "sleep 1000 & echo $$ $!; wait") {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) return {};
        const pid_t pid = fork();
        if (pid == 0) {
            setpgid(0, 0);
            const guard::Message message{getpid()};
            send(guard.socket(), &message, sizeof message, 0);
            dup2(ends[1], STDOUT_FILENO);
            execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
            _exit(127);
        }
        groups.push_back(pid);
        close(ends[1]);
        FILE* output = fdopen(ends[0], "r");
        std::vector<pid_t> pids(2);
        const bool read = fscanf(output, "%d %d", &pids[0], &pids[1]) == 2;
        fclose(output);
        return read ? pids : std::vector<pid_t>();
    }

    /// The same, and the guard's own pid behind the two.
    std::vector<pid_t> startCommandAndTellAll() {
        auto pids = startCommand();
        pids.push_back(guard.pid());
        return pids;
    }

    bool untilLost() {
        bool late = false;
        const auto limit = loop.callAfter(seconds(10), [&] { late = true; });
        while (lost == 0 && !late) loop.turn();
        loop.cancel(limit);
        return lost == 1;
    }

    EventLoop loop;
    int lost = 0;
    std::vector<pid_t> groups;
    Guard guard;
};

inline bool allDead(const std::vector<pid_t>& pids) {
    return eventually([&] { return std::all_of(pids.begin(), pids.end(), isDead); });
}

/// A process that prepares and starts as `begin` says and then waits, and that can be killed.
class GuardedLeader {
  public:
    using Pids = std::vector<pid_t>;

    /// `begin` gives the processes that it has started and has to tell of; none where it has failed.
    explicit GuardedLeader(const std::function<Pids(GuardBench&)>& begin)
        : made_(pipe2(ends_.data(), O_CLOEXEC) == 0), process_([this, begin] {
              GuardBench bench;
              const Pids pids = begin(bench);
              if (pids.empty() || !tell(pids)) return 1;
              for (;;) pause();
          }) {
        if (made_) close(ends_[1]);
    }

    /// What it has told: `count` of them.
    Pids pids(std::size_t count) const {
        Pids pids(count);
        const auto size = static_cast<ssize_t>(count * sizeof(pid_t));
        return made_ && read(ends_[0], pids.data(), count * sizeof(pid_t)) == size ? pids : Pids();
    }
    pid_t pid() const { return process_.pid(); }
    void kill() const { ::kill(pid(), SIGKILL); }

  private:
    bool tell(const Pids& pids) const {
        const std::size_t size = pids.size() * sizeof(pid_t);
        return made_ && write(ends_[1], pids.data(), size) == static_cast<ssize_t>(size);
    }

    std::array<int, 2> ends_{};
    bool made_;
    Forked process_;
};

}  // namespace leader::test
