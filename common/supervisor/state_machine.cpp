#include "common/supervisor/state_machine.h"

#include <algorithm>
#include <array>
#include <csignal>

#include "common/cli/exit_codes.h"
#include "common/supervisor/lease.h"
#include "common/supervisor/signals.h"

namespace leader {
namespace {

using Row = std::array<StateMachine::Transition, StateMachine::kStates>;
using State = StateMachine::State;
using Event = StateMachine::Event;
using Action = StateMachine::Action;

constexpr Row row(StateMachine::Transition waiting, StateMachine::Transition settling,
                  StateMachine::Transition running, StateMachine::Transition stopping) {
    return {waiting, settling, running, stopping, {Action::kNone, State::kEnded}};
}

constexpr auto kNone = Action::kNone;
constexpr auto kSuspend = Action::kSuspend;
constexpr auto kStart = Action::kStart;
constexpr auto kForward = Action::kForward;
constexpr auto kStop = Action::kStop;
constexpr auto kSurvive = Action::kStopSurvivors;
constexpr auto kKill = Action::kKill;
constexpr auto kUnlease = Action::kKillByLease;
constexpr auto kDown = Action::kStoodDown;
constexpr auto kEnd = Action::kEnd;
constexpr auto kWait = State::kWaiting;
constexpr auto kSettle = State::kSettling;
constexpr auto kRun = State::kRunning;
constexpr auto kHalt = State::kStopping;
constexpr auto kOver = State::kEnded;

// What happens in each state, and the state after it, by event in the order of their declaration. Once ended,
// nothing happens any more. Impossible pairs do nothing.
// clang-format off
constexpr std::array<Row, StateMachine::kEvents> kTable{
    //                   waiting            settling           running            stopping
    /* lead */       row({kNone, kSettle},    {kNone, kSettle},  {kNone, kRun},     {kNone, kHalt}),
    /* new term */   row({kNone, kSettle},    {kNone, kSettle},  {kStop, kHalt},    {kNone, kHalt}),
    /* follow */     row({kNone, kWait},      {kNone, kWait},    {kStop, kHalt},    {kNone, kHalt}),
    /* doubt */      row({kNone, kWait},      {kNone, kWait},    {kNone, kRun},     {kNone, kHalt}),
    /* deadline */   row({kNone, kWait},      {kStart, kRun},    {kNone, kRun},     {kKill, kHalt}),
    /* lease ends */ row({kNone, kWait},      {kNone, kWait},    {kStop, kHalt},    {kNone, kHalt}),
    /* lease over */ row({kNone, kWait},      {kNone, kWait},    {kUnlease, kHalt}, {kUnlease, kHalt}),
    /* no start */   row({kNone, kWait},      {kNone, kSettle},  {kEnd, kOver},     {kNone, kHalt}),
    /* cmd ended */  row({kNone, kWait},      {kNone, kSettle},  {kSurvive, kHalt}, {kSurvive, kHalt}),
    /* gone, wait */ row({kNone, kWait},      {kNone, kSettle},  {kNone, kRun},     {kDown, kWait}),
    /* gone, lead */ row({kNone, kWait},      {kNone, kSettle},  {kNone, kRun},     {kDown, kSettle}),
    /* gone, end */  row({kNone, kWait},      {kNone, kSettle},  {kNone, kRun},     {kEnd, kOver}),
    /* TERM INT */   row({kEnd, kOver},       {kEnd, kOver},     {kForward, kHalt}, {kForward, kHalt}),
    /* QUIT */       row({kEnd, kOver},       {kEnd, kOver},     {kForward, kRun},  {kKill, kHalt}),
    /* fatal */      row({kEnd, kOver},       {kEnd, kOver},     {kForward, kRun},  {kForward, kHalt}),
    /* stop */       row({kSuspend, kWait},   {kSuspend, kSettle}, {kForward, kRun}, {kForward, kHalt}),
    /* harmless */   row({kNone, kWait},      {kNone, kSettle},  {kForward, kRun},  {kForward, kHalt}),
};
// clang-format on

}  // namespace

StateMachine::Transition StateMachine::transition(State state, Event event) {
    return kTable[static_cast<std::size_t>(event)][static_cast<std::size_t>(state)];
}

// A renewal that is heard of when its predecessor is over prolongs nothing: the command is killed first.
StateMachine::Action StateMachine::lead(std::int64_t term, Instant now, std::optional<Instant> validUntil) {
    wanted_ = Lead{term, validUntil};
    if (heldLeaseIsOver(now)) return apply(Event::kLeaseOver, now);
    const bool kept = state_ == State::kRunning && policy_.onLoss == OnLoss::kKeep;
    if (!held_ || held_->term == term || kept) {
        if (held_) held_->validUntil = validUntil;
        return apply(Event::kLead, now);
    }
    // What was lost with the old term may be another's by now.
    return apply(held_->validUntil && mayRun() ? Event::kLeaseOver : Event::kNewTerm, now);
}

StateMachine::Action StateMachine::follow(Instant now) {
    wanted_.reset();
    return apply(policy_.onLoss == OnLoss::kKeep ? Event::kDoubt : Event::kFollow, now);
}

StateMachine::Action StateMachine::doubt(Instant now) {
    wanted_.reset();
    return apply(Event::kDoubt, now);
}

StateMachine::Action StateMachine::leaseOver(Instant now) {
    wanted_.reset();
    return killed_ ? Action::kNone : apply(Event::kLeaseOver, now);
}

StateMachine::Action StateMachine::deadlineReached(Instant now) {
    const std::optional<Instant> ofLease = leaseDeadline();
    if (!ofLease || now < *ofLease) return apply(Event::kDeadline, now);
    wanted_.reset();
    return apply(heldLeaseIsOver(now) ? Event::kLeaseOver : Event::kLeaseEnds, now);
}

StateMachine::Action StateMachine::cannotStart(int exitCode, Instant now) {
    exitCode_ = exitCode;
    return apply(Event::kCannotStart, now);
}

StateMachine::Action StateMachine::commandEnded(int exitCode, Instant now) {
    commandsExitCode_ = exitCode;
    // What the guard has killed did not end by itself.
    return heldLeaseIsOver(now) ? leaseOver(now) : apply(Event::kCommandEnded, now);
}

StateMachine::Action StateMachine::allGone(Instant now) {
    if (ending_) return apply(Event::kGoneForGood, now);
    return apply(wanted_ ? Event::kGoneToLead : Event::kGoneToWait, now);
}

StateMachine::Action StateMachine::signalled(int signal, Instant now) {
    const Event event = eventOf(signal);
    if (transition(state_, event).action == Action::kEnd) exitCode_ = exit_code::kSignalBase + signal;
    return apply(event, now);
}

bool StateMachine::mayRun() const {
    return (state_ == State::kRunning || state_ == State::kStopping) && !killed_;
}

bool StateMachine::heldLeaseIsOver(Instant now) const {
    return mayRun() && held_ && held_->validUntil && now >= *held_->validUntil - kKillMargin;
}

std::optional<Instant> StateMachine::leaseDeadline() const {
    if (!held_ || !held_->validUntil) return {};
    const Instant kill = *held_->validUntil - kKillMargin;
    switch (state_) {
        case State::kSettling:
        case State::kRunning:
            return kill - policy_.gracePeriod;
        case State::kStopping:
            if (!killed_) return kill;
            break;
        case State::kWaiting:
        case State::kEnded:
            break;
    }
    return {};
}

std::optional<Instant> StateMachine::deadline() const {
    const std::optional<Instant> ofLease = leaseDeadline();
    if (!ofLease || !deadline_) return ofLease ? ofLease : deadline_;
    return std::min(*ofLease, *deadline_);
}

std::optional<Instant> StateMachine::validUntil() const {
    if (!held_) return {};
    return held_->validUntil;
}

StateMachine::Event StateMachine::eventOf(int signal) const {
    // Whoever waits for the end of the grace period means this process, whatever it was started to ignore.
    if (signal == SIGQUIT && state_ == State::kStopping) return Event::kQuit;
    if (policy_.ignoredSignals.count(signal) != 0) return Event::kHarmlessSignal;
    if (signal == SIGTERM || signal == SIGINT || signal == policy_.stopSignal) return Event::kStopRequest;
    if (signal == SIGQUIT) return Event::kQuit;
    switch (defaultActionOf(signal)) {
        case DefaultAction::kTerminate:
            return Event::kOtherFatal;
        case DefaultAction::kStop:
            return Event::kStopSignal;
        case DefaultAction::kIgnore:
            break;
    }
    return Event::kHarmlessSignal;
}

StateMachine::Action StateMachine::apply(Event event, Instant now) {
    const auto [action, next] = transition(state_, event);
    if (next == State::kStopping) noteWhyItStops(event);
    const bool settlesAnew = event == Event::kNewTerm && next == State::kSettling;
    if (next != state_ || settlesAnew) enter(next, now);
    if (action != Action::kKill && action != Action::kKillByLease) return action;
    deadline_.reset();
    killed_ = true;
    return action;
}

// Only a loss of leadership lets the member go on after the command's end, and not if it is asked to end,
// too.
void StateMachine::noteWhyItStops(Event event) {
    switch (event) {
        case Event::kFollow:
        case Event::kNewTerm:
        case Event::kLeaseEnds:
        case Event::kLeaseOver:
            if (state_ != State::kRunning || policy_.onLoss != OnLoss::kExit) return;
            exitCode_ = exit_code::kLeadershipLost;
            ending_ = true;
            return;
        case Event::kCommandEnded:
            if (state_ == State::kRunning) ending_ = true;
            return;
        case Event::kStopRequest:
        case Event::kQuit:
            ending_ = true;
            return;
        default:
            return;
    }
}

void StateMachine::enter(State next, Instant now) {
    deadline_.reset();
    killed_ = false;
    switch (next) {
        case State::kSettling:
            held_ = wanted_;
            deadline_ = now + policy_.settle;
            break;
        case State::kRunning:
            break;
        case State::kStopping:
            deadline_ = now + policy_.gracePeriod;
            break;
        case State::kWaiting:
        case State::kEnded:
            held_.reset();
            break;
    }
    state_ = next;
}

const char* nameOf(StateMachine::State state) {
    switch (state) {
        case StateMachine::State::kWaiting:
            return "waiting";
        case StateMachine::State::kSettling:
            return "settling";
        case StateMachine::State::kRunning:
            return "running";
        case StateMachine::State::kStopping:
            return "stopping";
        case StateMachine::State::kEnded:
            return "ended";
    }
    return "unknown";
}

}  // namespace leader
