#include "common/supervisor/supervisor.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "common/base/log.h"
#include "common/base/sabotage.h"
#include "common/cli/duration.h"
#include "common/cli/exit_codes.h"
#include "common/supervisor/inherited.h"
#include "common/supervisor/lease.h"

namespace leader {
namespace {

using State = StateMachine::State;
using Action = StateMachine::Action;

/// Children reaped in one go; with more of them the loop serves others in between.
constexpr int kReapBatch = 1000;
/// Between two rounds of KILL, doubled each time: what is left then waits for a disk or the network.
constexpr Duration kFirstKillPause = std::chrono::milliseconds(10);
constexpr Duration kLongestKillPause = std::chrono::seconds(1);
/// Between two looks for survivors that have not been told to stop, doubled each time.
constexpr Duration kFirstTellPause = std::chrono::milliseconds(20);
constexpr Duration kLongestTellPause = std::chrono::seconds(1);
constexpr Duration kReportInterval = std::chrono::seconds(10);
/// Reads of pending signals before a start; each is a whole batch.
constexpr int kDrainRounds = 16;
/// Of a command whose guard, prepared long ago, is gone in the moment of its start.
constexpr int kStartAttempts = 2;
/// A guard that ends sooner is not replaced by another: something here ends guards.
constexpr Duration kLeastGuardLife = std::chrono::seconds(1);

StateMachine::Policy policyOf(const SupervisorOptions& options) {
    StateMachine::Policy policy{options.onLoss, options.stopSignal, options.gracePeriod, options.settle, {}};
    for (int signal = 1; signal <= SIGRTMAX; ++signal)
        if (sigismember(&inherited().ignored, signal) == 1) policy.ignoredSignals.insert(signal);
    return policy;
}

int exitCodeOf(const siginfo_t& how) {
    return how.si_code == CLD_EXITED ? how.si_status : exit_code::kSignalBase + how.si_status;
}

std::string describe(const siginfo_t& how) {
    if (how.si_code == CLD_EXITED) return "ended with exit code " + std::to_string(how.si_status);
    return "was ended by signal " + signalName(how.si_status) +
           (how.si_code == CLD_DUMPED ? ", core dumped" : "");
}

std::string processes(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " process" : " processes");
}

}  // namespace

Supervisor::Supervisor(EventLoop& loop, SupervisorOptions options, SupervisorHooks hooks)
    : loop_(loop),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      machine_(policyOf(options_)),
      signals_(loop, [this](const signalfd_siginfo& info) { onSignal(info); }),
      guard_(loop, [this] { onGuardLost(); }) {
}

Supervisor::~Supervisor() {
    loop_.cancel(deadlineTimer_);
    loop_.cancel(tellTimer_);
    loop_.cancel(killTimer_);
    loop_.cancel(reapTimer_);
}

std::optional<CommandError> Supervisor::start() {
    if (signals_.failure()) return CommandError{signals_.failure()->message, exit_code::kInternal};
    if (auto error = checkCommand(options_.command)) return error;
    // Started with CHLD ignored, the kernel would reap the children and their exit codes would be lost.
    struct sigaction byDefault {};
    byDefault.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &byDefault, nullptr);
    // Being a subreaper outlives execve(2), and the command did not ask for it.
    if (!options_.replaceProcess && getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return CommandError{Error::fromErrno("cannot become the reaper of orphans").message};
    reap();
    return {};
}

void Supervisor::lead(Leadership leadership) {
    reason_ = leadership.term == leadership_.term ? "the lease was renewed too late"
                                                  : "leadership was lost and won again";
    leadership_ = std::move(leadership);
    step(machine_.lead(leadership_.term, loop_.now(), leadership_.validUntil));
}

void Supervisor::follow(const std::string& reason) {
    reason_ = reason;
    step(machine_.follow(loop_.now()));
}

void Supervisor::doubt(const std::string& reason) {
    log::debug(std::string("in doubt while ") + nameOf(machine_.state()) + ": " + reason);
    step(machine_.doubt(loop_.now()));
}

void Supervisor::lose(const std::string& reason) {
    reason_ = reason;
    step(machine_.leaseOver(loop_.now()));
    if (machine_.state() == State::kWaiting) prepareGuard();
}

// Carries out an action and whatever has become due by it: a settle time of 0 ends as it begins.
void Supervisor::step(Action action) {
    act(action);
    if (draining_) return;
    tellGuard();
    while (machine_.deadline() && *machine_.deadline() <= loop_.now()) act(dueAction());
    armDeadline();
}

// A signal that is already here must be able to prevent the start.
Action Supervisor::dueAction() {
    if (machine_.state() == State::kSettling) {
        draining_ = true;
        for (int round = 0; round < kDrainRounds && signals_.receive(); ++round) {
        }
        draining_ = false;
        if (machine_.state() != State::kSettling) return Action::kNone;
    }
    noteEndOfLease();
    return machine_.deadlineReached(loop_.now());
}

void Supervisor::armDeadline() {
    loop_.cancel(deadlineTimer_);
    deadlineTimer_ = EventLoop::kNoTimer;
    if (machine_.deadline())
        deadlineTimer_ = loop_.callAt(*machine_.deadline(), [this] { step(dueAction()); });
}

void Supervisor::act(Action action) {
    switch (action) {
        case Action::kStart:
            startCommand();
            break;
        case Action::kStop:
            stopCommand();
            break;
        case Action::kStopSurvivors:
            stopSurvivors();
            break;
        case Action::kKill:
            log::warning("sending KILL to the command and all its descendants");
            beginKilling();
            break;
        case Action::kKillByLease:
            log::warning("standing down at once: " + reason_ +
                         "; sending KILL to the command and all its descendants");
            if (!sabotage::kNoKill) beginKilling();
            break;
        case Action::kStoodDown:
            finish();
            guard_.stop();
            descendants_.spare(0);
            log::info("nothing of the command is left: waiting to lead again");
            if (hooks_.onStopped) hooks_.onStopped();
            break;
        case Action::kEnd:
            finish();
            // Whoever leads next waits for nothing but this member.
            guard_.release();
            if (hooks_.onEnded) hooks_.onEnded(machine_.exitCode());
            break;
        case Action::kNone:
        case Action::kForward:  // both are the signal's own: onSignal() has done them
        case Action::kSuspend:
            break;
    }
}

void Supervisor::startCommand() {
    if (hooks_.beforeStart) hooks_.beforeStart();
    if (options_.replaceProcess) return failToStart(execCommand(options_.command, leadership_.environment));

    descendants_.markStrangers();
    SpawnOptions spawn;
    spawn.terminal = terminal_.forNewCommand();
    spawn.dieWithParent = getpid() != 1;
    if (spawn.terminal >= 0) terminal_.given();
    Spawned spawned;
    for (int attempt = 0; attempt == 0 || (spawned.guardGone && attempt < kStartAttempts); ++attempt) {
        if (machine_.validUntil()) {
            if (const auto error = startGuard()) return failToStart({error->message, exit_code::kInternal});
            spawn.guard = guard_.socket();
            spawn.notAfter = *machine_.validUntil() - kKillMargin;
        }
        spawned = spawnCommand(options_.command, leadership_.environment, spawn);
    }
    if (spawned.error) return failToStart(*spawned.error);
    if (spawned.pid < 0) return terminal_.takeBack();  // too late, which is what is looked at next

    if (status_.started) ++status_.restarts;
    status_.started = std::chrono::system_clock::now();
    status_.pid = spawned.pid;
    stopped_ = stopForwarded_ = false;
    toldGroup_ = 0;
    told_.clear();
    log::info("command '" + options_.command.front() + "' started with PID " + std::to_string(spawned.pid) +
              ", term " + std::to_string(leadership_.term));
}

// While this member waits there is time for it; what fails now is tried again when it is needed.
void Supervisor::prepareGuard() {
    descendants_.markStrangers();
    if (const auto error = guard_.prepare(descendants_.strangers()))
        log::debug("no guard process is prepared: " + error->message);
    descendants_.spare(std::max(guard_.pid(), 0));
}

std::optional<Error> Supervisor::startGuard() {
    auto error = guard_.start(*machine_.validUntil() - kGuardMargin, descendants_.strangers(),
                              std::max(status_.pid, 0));
    if (!error) descendants_.spare(guard_.pid());
    return error;
}

// Its deadline is moved only here, by what the loop's thread has been told: a leader that serves its loop no
// more loses the command, too.
void Supervisor::tellGuard() {
    if (!guard_.running() || !machine_.validUntil() || machine_.killed()) return;
    if (guard_.setDeadline(*machine_.validUntil() - kGuardMargin)) return;
    reason_ = "the guard process had to end the command with its lease";
    act(machine_.leaseOver(loop_.now()));
}

void Supervisor::onGuardLost() {
    descendants_.spare(0);
    if (machine_.state() != State::kRunning && machine_.state() != State::kStopping) return;
    if (machine_.killed()) return;  // with the rest, and there is nothing left to guard
    if (loop_.now() - guard_.started() >= kLeastGuardLife) {
        log::warning("the guard process was ended: starting another");
        const auto error = startGuard();
        if (!error) return;
        log::error(error->message);
    }
    follow("the command has no guard, and its lease needs one");
}

void Supervisor::failToStart(const CommandError& error) {
    terminal_.takeBack();
    log::error(error.message);
    step(machine_.cannotStart(error.exitCode, loop_.now()));
}

void Supervisor::stopCommand() {
    log::info("standing down: " + reason_ + "; sending " + signalName(options_.stopSignal) +
              " to the command, KILL after " + cli::formatDuration(untilKill()));
    send(options_.stopSignal);
    if (stopped_) send(SIGCONT);
    if (options_.signalGroup) toldGroup_ = status_.pid;
}

void Supervisor::noteEndOfLease() {
    if (machine_.validUntil()) reason_ = "the lease has not been renewed and ends";
}

Duration Supervisor::untilKill() const {
    if (!machine_.validUntil()) return options_.gracePeriod;
    const Duration left = *machine_.validUntil() - kKillMargin - loop_.now();
    return std::clamp(left, Duration::zero(), options_.gracePeriod);
}

// The command was alone in getting the stop signal, so that it could end its own children in its own way.
void Supervisor::stopSurvivors() {
    if (!descendants_.anyLeft()) return;
    tellPause_ = kFirstTellPause;
    if (tellSurvivors())
        log::info("the command left processes behind: sending " + signalName(options_.stopSignal) +
                  ", KILL when the grace period is over");
}

// Again and again, for those that are started by others before these have heard it.
bool Supervisor::tellSurvivors() {
    const bool any = descendants_.signalAll(options_.stopSignal, std::exchange(toldGroup_, 0), told_);
    tellTimer_ = loop_.callAfter(tellPause_, [this] { tellSurvivors(); });
    tellPause_ = std::min(2 * tellPause_, kLongestTellPause);
    return any;
}

void Supervisor::beginKilling() {
    loop_.cancel(tellTimer_);
    killPause_ = kFirstKillPause;
    nextReport_ = loop_.now() + kReportInterval;
    killAll();
}

void Supervisor::killAll() {
    loop_.cancel(killTimer_);  // QUIT may come when the grace period is over, too
    outrun_ = !descendants_.killAll();
    if (loop_.now() >= nextReport_) reportStuck();
    killTimer_ = loop_.callAfter(outrun_ ? Duration(0) : killPause_, [this] { killAll(); });
    if (outrun_) return;
    killPause_ = std::min(2 * killPause_, kLongestKillPause);
    reap();
}

void Supervisor::reportStuck() {
    nextReport_ = loop_.now() + kReportInterval;
    const std::vector<Process> left = descendants_.list();
    if (left.empty()) return;
    log::warning(processes(left.size()) + " of the command will not end in spite of KILL, PID " +
                 std::to_string(left.front().pid) + " in state " + left.front().state +
                 " among them: waiting");
}

void Supervisor::finish() {
    loop_.cancel(tellTimer_);
    loop_.cancel(killTimer_);
    killTimer_ = EventLoop::kNoTimer;
    outrun_ = false;
    terminal_.takeBack();
}

void Supervisor::onSignal(const signalfd_siginfo& info) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD) {
        reap();
        if (info.ssi_code > 0) return;  // the kernel's; one sent by a process is passed on as any other
    }
    const State before = machine_.state();
    const Action action = machine_.signalled(signal, loop_.now());
    if (before != machine_.state())
        log::info(signalName(signal) + " received while " + nameOf(before) +
                  (action == Action::kForward ? ": passed on, KILL after " + cli::formatDuration(untilKill())
                                              : std::string(": ending")));
    if (action == Action::kForward) forward(info);
    if (action == Action::kSuspend) terminal_.suspend(signal, false);
    step(action);
}

void Supervisor::forward(const signalfd_siginfo& info) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (status_.pid < 0) return;  // what the command left behind has had its stop signal
    if (signal == SIGCONT) return continueCommand();
    if (defaultActionOf(signal) == DefaultAction::kStop) stopForwarded_ = true;
    if (info.ssi_code == SI_QUEUE && !options_.signalGroup) {
        sigval value{};
        value.sival_ptr = reinterpret_cast<void*>(info.ssi_ptr);  // NOLINT(performance-no-int-to-ptr)
        sigqueue(status_.pid, signal, value);
    } else {
        send(signal);
    }
    log::debug(signalName(signal) + " passed on to the command");
    if (machine_.state() == State::kStopping && stopped_) send(SIGCONT);
}

void Supervisor::send(int signal) const {
    if (status_.pid < 0) return;
    const bool sent = (options_.signalGroup && kill(-status_.pid, signal) == 0) ||
                      kill(status_.pid, signal) == 0;  // a command may leave the group it was given
    if (!sent && errno != ESRCH)
        log::warning(
            Error::fromErrno("cannot send " + signalName(signal) + " to PID " + std::to_string(status_.pid))
                .message);
}

// The terminal stops a whole group, so that one has to be continued; the shell that continues this process
// has given it the terminal before, unless it is to run in the background.
void Supervisor::continueCommand() {
    terminal_.giveTo(status_.pid);
    if (stopped_ && !stopForwarded_)
        kill(-status_.pid, SIGCONT);
    else
        send(SIGCONT);
    stopForwarded_ = false;
}

// Nothing else in this process waits for children: what is found here is the command or an orphan.
void Supervisor::reap() {
    if (outrun_) return;  // killAll() calls again
    std::optional<siginfo_t> ended;
    int count = 0;
    for (; count < kReapBatch; ++count) {
        siginfo_t info{};
        if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) != 0 || info.si_pid == 0)
            break;
        const bool isCommand = info.si_pid == status_.pid;
        if (info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED) {
            if (isCommand) onCommandStopped(info.si_status);
        } else if (info.si_code == CLD_CONTINUED) {
            if (isCommand) stopped_ = stopForwarded_ = false;
        } else {
            descendants_.reaped(info.si_pid);
            if (isCommand) {
                ended = info;
                status_.pid = -1;
            }
        }
    }
    loop_.cancel(reapTimer_);
    reapTimer_ = count < kReapBatch ? EventLoop::kNoTimer : loop_.callAfter(Duration(0), [this] { reap(); });
    if (ended) onCommandEnded(*ended);
    checkGone();
}

void Supervisor::onCommandStopped(int signal) {
    stopped_ = true;
    if (machine_.state() == State::kStopping) return send(SIGCONT);
    const bool wantsTerminal = signal == SIGTTIN || signal == SIGTTOU;
    if (!wantsTerminal && signal != SIGTSTP) return;
    const bool byTerminal = !stopForwarded_;
    const bool hasTerminalNow = byTerminal && wantsTerminal && terminal_.giveTo(status_.pid);
    if (!hasTerminalNow && Terminal::canSuspend()) return terminal_.suspend(signal, byTerminal);
    // Nobody above could continue it after Ctrl-Z, which as without leader does nothing then.
    const bool inVain = byTerminal && !wantsTerminal && terminal_.isGiven();
    if (hasTerminalNow || inVain) kill(-status_.pid, SIGCONT);
}

void Supervisor::onCommandEnded(const siginfo_t& how) {
    log::info("command " + describe(how));
    const int code = exitCodeOf(how);
    ++status_.exits[code];
    noteEndOfLease();
    step(machine_.commandEnded(options_.expectedExits.count(code) != 0 ? 0 : code, loop_.now()));
}

void Supervisor::checkGone() {
    if (machine_.state() == State::kStopping && status_.pid < 0 && !descendants_.anyLeft())
        step(machine_.allGone(loop_.now()));
}

CommandStatus Supervisor::status() const {
    CommandStatus status = status_;
    status.state = machine_.state();
    return status;
}

}  // namespace leader
