#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/supervisor/command.h"
#include "common/supervisor/descendants.h"
#include "common/supervisor/guard.h"
#include "common/supervisor/signals.h"
#include "common/supervisor/state_machine.h"
#include "common/supervisor/terminal.h"

namespace leader {

struct SupervisorOptions {
    std::vector<std::string> command;
    OnLoss onLoss = OnLoss::kStandDown;
    int stopSignal = SIGTERM;
    Duration gracePeriod = std::chrono::seconds(10);
    Duration settle{};
    /// Signals go to the command's process group instead of to the command alone.
    bool signalGroup = false;
    /// Exit codes of the command that count as 0.
    std::set<int> expectedExits;
    /// The first start of the command replaces this process by it: nothing is supervised then.
    bool replaceProcess = false;
};

/// Called on the loop's thread; any of them may be empty. They must not destroy the supervisor.
struct SupervisorHooks {
    /// Before each start of the command.
    std::function<void()> beforeStart;
    /// Nothing of the command is left and the supervisor waits to lead again.
    std::function<void()> onStopped;
    /// The supervisor has ended: nothing of the command is left, nothing will be started.
    std::function<void(int exitCode)> onEnded;
};

/// A leadership to run the command under. The term tells two leaderships apart and nothing else.
struct Leadership {
    std::int64_t term = 0;
    Environment environment;
    /// With a lease, its end: nothing of the command is alive by then, whatever becomes of this process.
    std::optional<Instant> validUntil{};
};

struct CommandStatus {
    StateMachine::State state = StateMachine::State::kWaiting;
    /// -1 while there is no command.
    pid_t pid = -1;
    /// The last start, on the clock on the wall, for people only: told from the monotonic clock it would be
    /// another time each time.
    std::optional<std::chrono::system_clock::time_point> started;
    /// Starts after the first.
    int restarts = 0;
    /// How often the command ended, by exit code (128 + the signal); at most 256 of them.
    std::map<int, std::uint64_t> exits;
};

/// Runs the command while its user says "lead", stops it when told to follow, and does what a PID 1 has to:
/// signals, orphans, the terminal. Created before any other thread, as from then on all signals come to it.
/// At most one a process. One thread: the loop's, which must be the thread that outlives the others.
class Supervisor {
  public:
    Supervisor(EventLoop& loop, SupervisorOptions options, SupervisorHooks hooks);
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    /// To be called once, before the loop runs: adopts orphans, takes signals, and finds out at once that a
    /// command does not exist instead of when it is first to be started.
    [[nodiscard]] std::optional<CommandError> start();

    /// This member leads. Repeating it under the same term changes nothing but the end of the lease; another
    /// term counts as lost and won.
    void lead(Leadership leadership);
    /// This member does not lead; `reason` completes the log line "standing down: ".
    void follow(const std::string& reason);
    /// It cannot be told now whether this member leads: a command that runs goes on, none is started.
    void doubt(const std::string& reason);

    /// With a lease: it is lost, another may lead by now, so that there is no time left for the command to
    /// end in its own way.
    void lose(const std::string& reason);

    bool ended() const { return machine_.state() == StateMachine::State::kEnded; }
    /// Meaningful once ended().
    int exitCode() const { return machine_.exitCode(); }
    CommandStatus status() const;

  private:
    void step(StateMachine::Action action);
    void act(StateMachine::Action action);
    StateMachine::Action dueAction();
    void armDeadline();
    void noteEndOfLease();
    Duration untilKill() const;

    void startCommand();
    void prepareGuard();
    [[nodiscard]] std::optional<Error> startGuard();
    void tellGuard();
    void onGuardLost();
    void failToStart(const CommandError& error);
    void stopCommand();
    void stopSurvivors();
    bool tellSurvivors();
    void beginKilling();
    void killAll();
    void reportStuck();
    void finish();

    void onSignal(const signalfd_siginfo& info);
    void forward(const signalfd_siginfo& info);
    void send(int signal) const;
    void continueCommand();

    void reap();
    void onCommandStopped(int signal);
    void onCommandEnded(const siginfo_t& how);
    void checkGone();

    EventLoop& loop_;
    const SupervisorOptions options_;
    const SupervisorHooks hooks_;
    StateMachine machine_;
    SignalReceiver signals_;
    Descendants descendants_;
    Guard guard_;
    Terminal terminal_;

    Leadership leadership_;
    std::string reason_;
    CommandStatus status_;
    /// The command is stopped, and that by a signal that was passed on and not by the terminal.
    bool stopped_ = false;
    bool stopForwarded_ = false;
    /// Whose members got the stop signal with the command's, or 0.
    pid_t toldGroup_ = 0;
    /// What the command left behind and has got the stop signal.
    Descendants::Told told_;
    bool draining_ = false;
    /// The command's descendants multiply faster than they can be killed.
    bool outrun_ = false;

    EventLoop::TimerId deadlineTimer_ = EventLoop::kNoTimer;
    EventLoop::TimerId tellTimer_ = EventLoop::kNoTimer;
    Duration tellPause_{};
    EventLoop::TimerId killTimer_ = EventLoop::kNoTimer;
    EventLoop::TimerId reapTimer_ = EventLoop::kNoTimer;
    Duration killPause_{};
    Instant nextReport_;
};

}  // namespace leader
