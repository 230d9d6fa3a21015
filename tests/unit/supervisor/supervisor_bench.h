#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "common/supervisor/supervisor.h"
#include "tests/unit/supervisor/forked.h"

namespace leader::test {

using std::chrono::milliseconds;
using std::chrono::seconds;
using State = StateMachine::State;

inline SupervisorOptions shell(const std::string& script) {
    SupervisorOptions options;
    options.command = {"/bin/sh", "-c", script};
    options.gracePeriod = milliseconds(200);
    return options;
}

/// A supervisor and its loop, for use in a process of their own.
struct SupervisorBench {
    explicit SupervisorBench(SupervisorOptions options)
        : supervisor(loop, std::move(options),
                     {[this] {
                          ++starts;
                          overlaps = overlaps || haveChildren();
                      },
                      [this] { ++stops; }, [this](int code) { endedWith = code; }}) {}

    /// Leads under term 1 from the start on; false where it cannot start.
    bool startLeading() {
        if (supervisor.start()) return false;
        supervisor.lead({1, {}});
        return true;
    }

    /// Serves the loop until the condition holds; false if that takes 15 s.
    bool until(const std::function<bool()>& condition) {
        bool late = false;
        const auto limit = loop.callAfter(patience(seconds(15)), [&] { late = true; });
        // Files that the condition looks at do not wake the loop.
        std::function<void()> look;
        EventLoop::TimerId again = EventLoop::kNoTimer;
        look = [&] { again = loop.callAfter(milliseconds(2), look); };
        look();
        while (!late && !condition()) loop.turn();
        loop.cancel(limit);
        loop.cancel(again);
        return !late;
    }
    bool untilEnded() {
        return until([this] { return supervisor.ended(); });
    }
    bool untilState(State state) {
        return until([&] { return supervisor.status().state == state; });
    }
    bool untilExists(const std::string& path) {
        return until([&] { return access(path.c_str(), F_OK) == 0; });
    }
    State state() const { return supervisor.status().state; }

    EventLoop loop;
    int starts = 0;
    int stops = 0;
    bool overlaps = false;
    std::optional<int> endedWith;
    Supervisor supervisor;
};

}  // namespace leader::test
