#include "common/supervisor/state_machine.h"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>

#include "tests/unit/supervisor/machine_bench.h"

namespace leader {
namespace {

using namespace test;

TEST(StateMachineWithALease, StopsTheCommandWhenOnlyTheGracePeriodAndASecondAreLeft) {
    MachineBench bench;
    bench.runLeased();
    EXPECT_EQ(seconds(30 - 10 - 1), bench.left());
    bench.clock.advance(bench.left());
    EXPECT_EQ(Action::kStop, bench.deadline());
    EXPECT_EQ(kStopping, bench.machine.state());
    EXPECT_EQ(seconds(10), bench.left());
    bench.clock.advance(seconds(10));
    EXPECT_EQ(Action::kKillByLease, bench.deadline());
    EXPECT_FALSE(bench.machine.deadline());
}

TEST(StateMachineWithALease, ARenewalProlongsAndALossShortens) {
    MachineBench bench;
    bench.runLeased();
    bench.clock.advance(seconds(15));
    EXPECT_EQ(Action::kNone, bench.lead(1, seconds(30)));
    EXPECT_EQ(seconds(19), bench.left());
    EXPECT_EQ(Action::kNone, bench.lead(1, seconds(13)));
    EXPECT_EQ(seconds(2), bench.left());
    EXPECT_EQ(kRunning, bench.machine.state());
}

TEST(StateMachineWithALease, DoubtDoesNotHoldBeyondIt) {
    MachineBench bench;
    bench.runLeased();
    bench.clock.advance(seconds(15));
    EXPECT_EQ(Action::kNone, bench.doubt());
    EXPECT_EQ(seconds(4), bench.left());
    bench.clock.advance(seconds(4));
    EXPECT_EQ(Action::kStop, bench.deadline());
    (void)bench.ended(0);
    EXPECT_EQ(Action::kStoodDown, bench.gone());
    EXPECT_EQ(kWaiting, bench.machine.state());
}

TEST(StateMachineWithALease, AGracePeriodThatBeganForAnotherReasonEndsWithIt) {
    for (const auto& begin :
         {std::function<void(MachineBench&)>([](MachineBench& b) { (void)b.follow(); }),
          std::function<void(MachineBench&)>([](MachineBench& b) { (void)b.signal(SIGTERM); }),
          std::function<void(MachineBench&)>([](MachineBench& b) { (void)b.ended(0); })}) {
        MachineBench bench;
        bench.runLeased().clock.advance(seconds(18));
        begin(bench);
        EXPECT_EQ(kStopping, bench.machine.state());
        EXPECT_EQ(seconds(10), bench.left());
        EXPECT_EQ(Action::kNone, bench.lead(1, seconds(8)));
        EXPECT_EQ(seconds(7), bench.left());
        bench.clock.advance(seconds(7));
        EXPECT_EQ(Action::kKillByLease, bench.deadline());
    }
}

TEST(StateMachineWithALease, TheEndOfASettlingThatWouldEndTooNearItStartsNothing) {
    MachineBench bench;
    (void)bench.lead(1, seconds(15));  // stopped again after 4 s
    EXPECT_EQ(seconds(4), bench.left());
    bench.clock.advance(seconds(5));
    EXPECT_EQ(Action::kNone, bench.deadline());
    EXPECT_EQ(kWaiting, bench.machine.state());
    (void)bench.lead(1, seconds(30));
    EXPECT_EQ(seconds(5), bench.left());
}

TEST(StateMachineWithALease, ARenewalWhileSettlingIsNoBreak) {
    MachineBench bench;
    (void)bench.lead(1, seconds(15));
    bench.clock.advance(seconds(3));
    (void)bench.lead(1, seconds(30));
    EXPECT_EQ(seconds(2), bench.left());
    bench.clock.advance(seconds(2));
    EXPECT_EQ(Action::kStart, bench.deadline());
}

TEST(StateMachineWithALease, KillsAtOnceWhatOutlivedItUnnoticed) {
    MachineBench bench;
    bench.runLeased().clock.advance(std::chrono::hours(1));
    EXPECT_EQ(Action::kKillByLease, bench.deadline());
    EXPECT_EQ(kStopping, bench.machine.state());
}

TEST(StateMachineWithALease, ALateRenewalDoesNotReviveWhatOutlivedIt) {
    MachineBench bench;
    bench.runLeased().clock.advance(seconds(29));
    EXPECT_EQ(Action::kKillByLease, bench.lead(1, seconds(30)));
    EXPECT_EQ(Action::kStopSurvivors, bench.ended(137));
    EXPECT_EQ(Action::kStoodDown, bench.gone());
    EXPECT_EQ(kSettling, bench.machine.state());
    EXPECT_EQ(seconds(5), bench.left());
}

TEST(StateMachineWithALease, WhatWasKilledAtItsEndDidNotEndByItself) {
    MachineBench bench;
    bench.runLeased().clock.advance(seconds(29));
    EXPECT_EQ(Action::kKillByLease, bench.ended(137));
    EXPECT_EQ(Action::kStoodDown, bench.gone());
    EXPECT_EQ(kWaiting, bench.machine.state());
    MachineBench exits(OnLoss::kExit);
    exits.runLeased().clock.advance(seconds(29));
    (void)exits.ended(137);
    EXPECT_EQ(Action::kEnd, exits.gone());
    EXPECT_EQ(75, exits.machine.exitCode());
}

TEST(StateMachineWithALease, ACommandThatEndsByItselfInTimeEndsAll) {
    MachineBench bench;
    bench.runLeased().clock.advance(seconds(15));
    (void)bench.ended(3);
    EXPECT_EQ(Action::kEnd, bench.gone());
    EXPECT_EQ(3, bench.machine.exitCode());
}

TEST(StateMachineWithALease, AnotherTermLeavesNoTimeForTheCommandOfTheOldOne) {
    MachineBench bench;
    EXPECT_EQ(Action::kKillByLease, bench.runLeased().lead(2, seconds(30)));
    EXPECT_EQ(Action::kNone, bench.lead(2, seconds(30)));
    (void)bench.ended(137);
    EXPECT_EQ(Action::kStoodDown, bench.gone());
    EXPECT_EQ(kSettling, bench.machine.state());
}

TEST(StateMachineWithALease, TheLeaseOfAnotherTermDoesNotProlongAStop) {
    MachineBench bench;
    (void)bench.runLeased().follow();
    EXPECT_EQ(Action::kKillByLease, bench.lead(2, seconds(30)));
    EXPECT_FALSE(bench.machine.deadline());
}

TEST(StateMachineWithALease, ALossIsActedUponOnce) {
    MachineBench bench;
    EXPECT_EQ(Action::kKillByLease, bench.runLeased().loseLease());
    EXPECT_EQ(Action::kNone, bench.loseLease());
    EXPECT_EQ(Action::kNone, bench.follow());
}

TEST(StateMachineWithALease, OnLossExitEndsWith75AtItsEnd) {
    MachineBench bench(OnLoss::kExit);
    bench.runLeased().clock.advance(seconds(19));
    EXPECT_EQ(Action::kStop, bench.deadline());
    (void)bench.ended(0);
    EXPECT_EQ(Action::kEnd, bench.gone());
    EXPECT_EQ(75, bench.machine.exitCode());
}

}  // namespace
}  // namespace leader
