#pragma once

#include <csignal>
#include <cstdint>
#include <optional>
#include <set>

#include "common/base/clock.h"

namespace leader {

/// What becomes of the command when leadership is lost.
enum class OnLoss { kStandDown, kExit, kKeep };

/// The life of `leader run` as a pure function of events and time: what to do next is one table, which
/// state_machine.cpp shows. It starts and signals nothing itself: its user carries out the actions returned
/// and reports what came of them.
class StateMachine {
  public:
    enum class State { kWaiting, kSettling, kRunning, kStopping, kEnded };

    enum class Event {
        kLead,            ///< leading, under the term already acted upon if there is one
        kNewTerm,         ///< leading, but under another term: lost and won again
        kFollow,          ///< not leading
        kDoubt,           ///< not known whether leading: holds what runs, starts nothing
        kDeadline,        ///< the time of settling, or the grace period, is over
        kLeaseEnds,       ///< so little of the lease is left that the command has to stop now
        kLeaseOver,       ///< the lease is lost, or so near its end that KILL cannot wait
        kCannotStart,     ///< the command could not be started
        kCommandEnded,    ///< the command itself ended; there may be descendants left
        kGoneToWait,      ///< nothing of the command is left, and this member does not lead
        kGoneToLead,      ///< nothing of the command is left, and this member leads again
        kGoneForGood,     ///< nothing of the command is left, and that was the end
        kStopRequest,     ///< TERM, INT or the stop signal
        kQuit,            ///< QUIT
        kOtherFatal,      ///< another signal that ends a process by default
        kStopSignal,      ///< TSTP, TTIN, TTOU
        kHarmlessSignal,  ///< a signal that does nothing by default, or that is ignored here
    };
    static constexpr int kEvents = static_cast<int>(Event::kHarmlessSignal) + 1;
    static constexpr int kStates = static_cast<int>(State::kEnded) + 1;

    enum class Action {
        kNone,
        kSuspend,        ///< stop this process as the signal does by default
        kStart,          ///< start the command
        kForward,        ///< pass the signal on to the command
        kStop,           ///< send the stop signal to the command
        kStopSurvivors,  ///< send the stop signal to what the command left behind
        kKill,           ///< KILL the command and all its descendants until none is left
        kKillByLease,    ///< the same, as the lease does not allow them to end in their own time
        kStoodDown,      ///< say that the command is gone and the member waits again
        kEnd,            ///< all is over: exitCode() holds
    };

    struct Policy {
        OnLoss onLoss = OnLoss::kStandDown;
        int stopSignal = SIGTERM;
        Duration gracePeriod = std::chrono::seconds(10);
        Duration settle{};
        /// Signals that this process was started to ignore; they do not end it while it waits.
        std::set<int> ignoredSignals;
    };

    struct Transition {
        Action action;
        State next;
    };
    /// The table.
    static Transition transition(State state, Event event);

    explicit StateMachine(Policy policy) : policy_(std::move(policy)) {}

    /// With a lease, `validUntil` is its end: later when it was renewed, earlier when it was lost.
    [[nodiscard]] Action lead(std::int64_t term, Instant now, std::optional<Instant> validUntil = {});
    [[nodiscard]] Action follow(Instant now);
    [[nodiscard]] Action doubt(Instant now);
    /// Somebody else has acted upon the end of the lease, or its loss is known: whatever it says, it is over.
    [[nodiscard]] Action leaseOver(Instant now);
    [[nodiscard]] Action deadlineReached(Instant now);
    [[nodiscard]] Action cannotStart(int exitCode, Instant now);
    [[nodiscard]] Action commandEnded(int exitCode, Instant now);
    [[nodiscard]] Action allGone(Instant now);
    [[nodiscard]] Action signalled(int signal, Instant now);

    State state() const { return state_; }
    /// When deadlineReached() is to be called, if nothing happens before.
    std::optional<Instant> deadline() const;
    /// The end of the lease that the command runs, settles or stops under.
    std::optional<Instant> validUntil() const;
    /// While stopping: what is left has been sent KILL.
    bool killed() const { return killed_; }
    /// Meaningful once ended.
    int exitCode() const { return exitCode_.value_or(commandsExitCode_); }

  private:
    /// A leadership, and the end of its lease if there is one.
    struct Lead {
        std::int64_t term;
        std::optional<Instant> validUntil;
    };

    bool heldLeaseIsOver(Instant now) const;
    /// Something of the command may be alive that has not been killed.
    bool mayRun() const;
    std::optional<Instant> leaseDeadline() const;
    Event eventOf(int signal) const;
    Action apply(Event event, Instant now);
    void noteWhyItStops(Event event);
    void enter(State next, Instant now);

    Policy policy_;
    State state_ = State::kWaiting;
    /// Of settling, or of the grace period.
    std::optional<Instant> deadline_;
    /// The leadership as last reported, and the one that is settled, run or stopped under.
    std::optional<Lead> wanted_;
    std::optional<Lead> held_;
    bool killed_ = false;
    bool ending_ = false;
    int commandsExitCode_ = 0;
    /// Where it is not the command's that counts.
    std::optional<int> exitCode_;
};

const char* nameOf(StateMachine::State state);

}  // namespace leader
