#include "common/supervisor/state_machine.h"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>

#include "tests/unit/supervisor/machine_bench.h"

namespace leader {
namespace {

using namespace test;

struct Expected {
    Action action;
    State next;
};

struct Row {
    const char* event;
    std::function<Action(MachineBench&)> happen;
    Expected waiting, settling, running, stopping;
};

std::function<Action(MachineBench&)> receive(int number) {
    return [number](MachineBench& bench) { return bench.signal(number); };
}

constexpr auto kNothing = Action::kNone;
constexpr auto kForward = Action::kForward;
constexpr auto kEnd = Action::kEnd;

// clang-format off
const std::vector<Row> kRows{
    {"lead, same term", [](MachineBench& b) { return b.lead(1); },
     {kNothing, kSettling}, {kNothing, kSettling}, {kNothing, kRunning}, {kNothing, kStopping}},
    {"lead, other term", [](MachineBench& b) { return b.lead(2); },
     {kNothing, kSettling}, {kNothing, kSettling}, {Action::kStop, kStopping}, {kNothing, kStopping}},
    {"follow", [](MachineBench& b) { return b.follow(); },
     {kNothing, kWaiting}, {kNothing, kWaiting}, {Action::kStop, kStopping}, {kNothing, kStopping}},
    {"doubt", [](MachineBench& b) { return b.doubt(); },
     {kNothing, kWaiting}, {kNothing, kWaiting}, {kNothing, kRunning}, {kNothing, kStopping}},
    {"deadline", [](MachineBench& b) { return b.deadline(); },
     {kNothing, kWaiting}, {Action::kStart, kRunning}, {kNothing, kRunning}, {Action::kKill, kStopping}},
    {"lease over", [](MachineBench& b) { return b.loseLease(); },
     {kNothing, kWaiting}, {kNothing, kWaiting}, {Action::kKillByLease, kStopping}, {Action::kKillByLease, kStopping}},
    {"cannot start", [](MachineBench& b) { return b.cannotStart(); },
     {kNothing, kWaiting}, {kNothing, kSettling}, {kEnd, kEnded}, {kNothing, kStopping}},
    {"command ended", [](MachineBench& b) { return b.ended(3); },
     {kNothing, kWaiting}, {kNothing, kSettling}, {Action::kStopSurvivors, kStopping}, {Action::kStopSurvivors, kStopping}},
    {"all gone", [](MachineBench& b) { return b.gone(); },
     {kNothing, kWaiting}, {kNothing, kSettling}, {kNothing, kRunning}, {Action::kStoodDown, kWaiting}},
    {"TERM", receive(SIGTERM), {kEnd, kEnded}, {kEnd, kEnded}, {kForward, kStopping}, {kForward, kStopping}},
    {"INT", receive(SIGINT), {kEnd, kEnded}, {kEnd, kEnded}, {kForward, kStopping}, {kForward, kStopping}},
    {"QUIT", receive(SIGQUIT), {kEnd, kEnded}, {kEnd, kEnded}, {kForward, kRunning}, {Action::kKill, kStopping}},
    {"HUP", receive(SIGHUP), {kEnd, kEnded}, {kEnd, kEnded}, {kForward, kRunning}, {kForward, kStopping}},
    {"USR1", receive(SIGUSR1), {kEnd, kEnded}, {kEnd, kEnded}, {kForward, kRunning}, {kForward, kStopping}},
    {"ALRM", receive(SIGALRM), {kEnd, kEnded}, {kEnd, kEnded}, {kForward, kRunning}, {kForward, kStopping}},
    {"RTMIN+1", receive(SIGRTMIN + 1), {kEnd, kEnded}, {kEnd, kEnded}, {kForward, kRunning}, {kForward, kStopping}},
    {"TSTP", receive(SIGTSTP),
     {Action::kSuspend, kWaiting}, {Action::kSuspend, kSettling}, {kForward, kRunning}, {kForward, kStopping}},
    {"WINCH", receive(SIGWINCH), {kNothing, kWaiting}, {kNothing, kSettling}, {kForward, kRunning}, {kForward, kStopping}},
    {"CONT", receive(SIGCONT), {kNothing, kWaiting}, {kNothing, kSettling}, {kForward, kRunning}, {kForward, kStopping}},
    {"CHLD", receive(SIGCHLD), {kNothing, kWaiting}, {kNothing, kSettling}, {kForward, kRunning}, {kForward, kStopping}},
};
// clang-format on

void expectCell(const Row& row, State from, const Expected& expected) {
    SCOPED_TRACE(std::string(row.event) + " while " + nameOf(from));
    MachineBench bench;
    EXPECT_EQ(expected.action, row.happen(bench.reach(from)));
    EXPECT_EQ(expected.next, bench.machine.state());
}

TEST(StateMachine, DoesInEachStateAtEachEventWhatTheTableSays) {
    for (const Row& row : kRows) {
        expectCell(row, kWaiting, row.waiting);
        expectCell(row, kSettling, row.settling);
        expectCell(row, kRunning, row.running);
        expectCell(row, kStopping, row.stopping);
        expectCell(row, kEnded, {Action::kNone, kEnded});
    }
}

TEST(StateMachine, HasADeadlineOnlyWhileSettlingAndStopping) {
    EXPECT_FALSE(MachineBench().reach(kWaiting).machine.deadline());
    EXPECT_EQ(seconds(5), MachineBench().reach(kSettling).left());
    EXPECT_FALSE(MachineBench().reach(kRunning).machine.deadline());
    EXPECT_EQ(seconds(10), MachineBench().reach(kStopping).left());
    EXPECT_FALSE(MachineBench().reach(kEnded).machine.deadline());
}

TEST(StateMachine, ABreakWhileSettlingStartsTheTimeAnew) {
    MachineBench bench;
    (void)bench.lead(1);
    bench.clock.advance(seconds(3));
    (void)bench.lead(1);
    EXPECT_EQ(seconds(2), bench.left());
    (void)bench.doubt();
    (void)bench.lead(1);
    EXPECT_EQ(seconds(5), bench.left());
    bench.clock.advance(seconds(3));
    (void)bench.lead(2);
    EXPECT_EQ(seconds(5), bench.left());
}

TEST(StateMachine, LeadingAgainWhileStoppingStartsOnlyWhenAllIsGone) {
    MachineBench bench;
    bench.reach(kStopping);
    EXPECT_EQ(Action::kNone, bench.lead(2));
    EXPECT_EQ(Action::kStopSurvivors, bench.ended(0));
    EXPECT_EQ(Action::kStoodDown, bench.gone());
    EXPECT_EQ(kSettling, bench.machine.state());
    EXPECT_EQ(seconds(5), bench.left());
}

TEST(StateMachine, TheLastWordWhileStoppingCounts) {
    MachineBench bench;
    bench.reach(kStopping);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(Action::kNone, bench.lead(i));
        EXPECT_EQ(Action::kNone, i % 2 == 0 ? bench.follow() : bench.doubt());
    }
    (void)bench.ended(0);
    EXPECT_EQ(Action::kStoodDown, bench.gone());
    EXPECT_EQ(kWaiting, bench.machine.state());
}

TEST(StateMachine, AnotherTermWhileRunningRunsTheCommandAgain) {
    MachineBench bench;
    EXPECT_EQ(Action::kStop, bench.reach(kRunning).lead(2));
    (void)bench.ended(0);
    EXPECT_EQ(Action::kStoodDown, bench.gone());
    EXPECT_EQ(kSettling, bench.machine.state());
    EXPECT_EQ(Action::kNone, bench.lead(2));
    bench.clock.advance(seconds(5));
    EXPECT_EQ(Action::kStart, bench.deadline());
    EXPECT_EQ(Action::kNone, bench.lead(2));
}

TEST(StateMachine, ACommandThatEndsByItselfEndsAllWithItsExitCode) {
    MachineBench bench;
    (void)bench.reach(kRunning).ended(3);
    (void)bench.follow();
    (void)bench.lead(1);
    EXPECT_EQ(Action::kEnd, bench.gone());
    EXPECT_EQ(3, bench.machine.exitCode());
}

TEST(StateMachine, WhatTheCommandLeavesBehindHasTheGracePeriod) {
    MachineBench bench;
    (void)bench.reach(kRunning).ended(3);
    EXPECT_EQ(seconds(10), bench.left());
    EXPECT_EQ(Action::kKill, bench.deadline());
    EXPECT_EQ(Action::kEnd, bench.gone());
}

TEST(StateMachine, TheEndOfTheCommandWhileStoppingDoesNotProlongTheGracePeriod) {
    MachineBench bench;
    bench.reach(kStopping).clock.advance(seconds(4));
    (void)bench.ended(0);
    EXPECT_EQ(seconds(6), bench.left());
}

TEST(StateMachine, ASecondTermDoesNotShortenTheGracePeriod) {
    MachineBench bench;
    (void)bench.reach(kRunning).signal(SIGTERM);
    bench.clock.advance(seconds(4));
    EXPECT_EQ(Action::kForward, bench.signal(SIGTERM));
    EXPECT_EQ(Action::kForward, bench.signal(SIGINT));
    EXPECT_EQ(seconds(6), bench.left());
}

TEST(StateMachine, QuitEndsTheGracePeriodAndThenTheMember) {
    MachineBench bench;
    EXPECT_EQ(Action::kKill, bench.reach(kStopping).signal(SIGQUIT));
    EXPECT_FALSE(bench.machine.deadline());
    (void)bench.ended(137);
    (void)bench.lead(1);
    EXPECT_EQ(Action::kEnd, bench.gone());
    EXPECT_EQ(137, bench.machine.exitCode());
}

TEST(StateMachine, QuitKillsWhileStoppingEvenWhereQuitIsTheStopSignal) {
    MachineBench bench(OnLoss::kStandDown, SIGQUIT);
    EXPECT_EQ(Action::kForward, bench.reach(kRunning).signal(SIGQUIT));
    EXPECT_EQ(kStopping, bench.machine.state());
    EXPECT_EQ(Action::kKill, bench.signal(SIGQUIT));
}

TEST(StateMachine, TermWhileStandingDownEndsTheMemberWithTheCommandsCode) {
    MachineBench bench;
    (void)bench.reach(kStopping).signal(SIGTERM);
    (void)bench.ended(5);
    EXPECT_EQ(Action::kEnd, bench.gone());
    EXPECT_EQ(5, bench.machine.exitCode());
}

TEST(StateMachine, HangupWhileStandingDownDoesNotEndTheMember) {
    MachineBench bench;
    (void)bench.reach(kStopping).signal(SIGHUP);
    (void)bench.ended(0);
    EXPECT_EQ(Action::kStoodDown, bench.gone());
}

TEST(StateMachine, ASignalWhileWaitingEndsWith128AndItsNumber) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGRTMIN + 3}) {
        MachineBench bench;
        EXPECT_EQ(Action::kEnd, bench.signal(signal));
        EXPECT_EQ(128 + signal, bench.machine.exitCode());
        EXPECT_EQ(Action::kNone, bench.lead(1));
        EXPECT_EQ(kEnded, bench.machine.state());
    }
}

TEST(StateMachine, ASignalThatIsIgnoredByInheritanceDoesNotEndAWaitingMember) {
    MachineBench bench(OnLoss::kStandDown, SIGTERM, {SIGHUP, SIGINT});
    EXPECT_EQ(Action::kNone, bench.signal(SIGHUP));
    EXPECT_EQ(Action::kNone, bench.signal(SIGINT));
    EXPECT_EQ(kWaiting, bench.machine.state());
    EXPECT_EQ(Action::kForward, bench.reach(kRunning).signal(SIGINT));
    EXPECT_EQ(kRunning, bench.machine.state());
}

TEST(StateMachine, TheStopSignalAsksForTheEndWhateverItDoesByDefault) {
    MachineBench bench(OnLoss::kStandDown, SIGWINCH);
    EXPECT_EQ(Action::kForward, bench.reach(kRunning).signal(SIGWINCH));
    EXPECT_EQ(kStopping, bench.machine.state());
}

TEST(StateMachine, OnLossExitStopsAndEndsWith75) {
    MachineBench bench(OnLoss::kExit);
    EXPECT_EQ(Action::kStop, bench.reach(kRunning).follow());
    (void)bench.lead(1);
    (void)bench.ended(0);
    EXPECT_EQ(Action::kEnd, bench.gone());
    EXPECT_EQ(75, bench.machine.exitCode());
}

TEST(StateMachine, OnLossExitHoldsForAnotherTermToo) {
    MachineBench bench(OnLoss::kExit);
    EXPECT_EQ(Action::kStop, bench.reach(kRunning).lead(2));
    (void)bench.ended(0);
    EXPECT_EQ(Action::kEnd, bench.gone());
    EXPECT_EQ(75, bench.machine.exitCode());
}

TEST(StateMachine, OnLossExitKeepsTheCommandsCodeWhereItWasAskedToEndBefore) {
    MachineBench bench(OnLoss::kExit);
    (void)bench.reach(kRunning).signal(SIGTERM);
    (void)bench.follow();
    (void)bench.ended(9);
    EXPECT_EQ(Action::kEnd, bench.gone());
    EXPECT_EQ(9, bench.machine.exitCode());
}

TEST(StateMachine, OnLossExitWaitsOnWhereNothingRan) {
    MachineBench bench(OnLoss::kExit);
    EXPECT_EQ(Action::kNone, bench.reach(kSettling).follow());
    EXPECT_EQ(kWaiting, bench.machine.state());
}

TEST(StateMachine, OnLossKeepLetsTheCommandRunUnderWhateverTerm) {
    MachineBench bench(OnLoss::kKeep);
    bench.reach(kRunning);
    EXPECT_EQ(Action::kNone, bench.follow());
    EXPECT_EQ(Action::kNone, bench.lead(2));
    EXPECT_EQ(kRunning, bench.machine.state());
    (void)bench.ended(0);
    EXPECT_EQ(Action::kEnd, bench.gone());
}

TEST(StateMachine, OnLossKeepDoesNotStartWhatWasLostBefore) {
    MachineBench bench(OnLoss::kKeep);
    EXPECT_EQ(Action::kNone, bench.reach(kSettling).follow());
    EXPECT_EQ(kWaiting, bench.machine.state());
}

TEST(StateMachine, ACommandThatCannotStartEndsWithTheShellsCode) {
    MachineBench bench;
    EXPECT_EQ(Action::kEnd, bench.reach(kRunning).cannotStart());
    EXPECT_EQ(127, bench.machine.exitCode());
}

TEST(StateMachine, TheTableNeverLeavesTheEnd) {
    for (int event = 0; event < StateMachine::kEvents; ++event) {
        const auto [action, next] = StateMachine::transition(kEnded, static_cast<StateMachine::Event>(event));
        EXPECT_EQ(Action::kNone, action);
        EXPECT_EQ(kEnded, next);
    }
}

}  // namespace
}  // namespace leader
