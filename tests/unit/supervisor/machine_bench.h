#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <ostream>

#include "common/supervisor/state_machine.h"
#include "tests/support/fake_clock.h"

namespace leader {

inline void PrintTo(StateMachine::State state, std::ostream* out) {
    *out << nameOf(state);
}

}  // namespace leader

namespace leader::test {

using State = StateMachine::State;
using Action = StateMachine::Action;
using std::chrono::seconds;

inline constexpr auto kWaiting = State::kWaiting;
inline constexpr auto kSettling = State::kSettling;
inline constexpr auto kRunning = State::kRunning;
inline constexpr auto kStopping = State::kStopping;
inline constexpr auto kEnded = State::kEnded;

/// A machine and the clock it lives by: settles for 5 s and has a grace period of 10 s.
struct MachineBench {
    explicit MachineBench(OnLoss onLoss = OnLoss::kStandDown, int stopSignal = SIGTERM,
                          std::set<int> ignoredSignals = {})
        : machine({onLoss, stopSignal, seconds(10), seconds(5), std::move(ignoredSignals)}) {}

    Action lead(std::int64_t term) { return machine.lead(term, clock.now()); }
    /// Under a lease that ends so much later.
    Action lead(std::int64_t term, Duration lease) {
        return machine.lead(term, clock.now(), clock.now() + lease);
    }
    Action loseLease() { return machine.leaseOver(clock.now()); }
    Action follow() { return machine.follow(clock.now()); }
    Action doubt() { return machine.doubt(clock.now()); }
    Action deadline() { return machine.deadlineReached(clock.now()); }
    Action cannotStart() { return machine.cannotStart(127, clock.now()); }
    Action ended(int code) { return machine.commandEnded(code, clock.now()); }
    Action gone() { return machine.allGone(clock.now()); }
    Action signal(int number) { return machine.signalled(number, clock.now()); }

    Duration left() const { return *machine.deadline() - clock.now(); }

    /// Runs under term 1.
    MachineBench& run() {
        EXPECT_EQ(Action::kNone, lead(1));
        clock.advance(seconds(5));
        EXPECT_EQ(Action::kStart, deadline());
        return *this;
    }
    /// The same, with a lease of 30 s from now on.
    MachineBench& runLeased() {
        EXPECT_EQ(Action::kNone, lead(1, seconds(35)));
        clock.advance(seconds(5));
        EXPECT_EQ(Action::kStart, deadline());
        return *this;
    }
    MachineBench& reach(State state) {
        switch (state) {
            case kWaiting:
                break;
            case kSettling:
                EXPECT_EQ(Action::kNone, lead(1));
                break;
            case kRunning:
                run();
                break;
            case kStopping:
                EXPECT_EQ(Action::kStop, run().follow());
                break;
            case kEnded:
                EXPECT_EQ(Action::kEnd, signal(SIGTERM));
                break;
        }
        EXPECT_EQ(state, machine.state());
        return *this;
    }

    FakeClock clock;
    StateMachine machine;
};

}  // namespace leader::test
