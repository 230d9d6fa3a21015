#include "common/status/tracker.h"

#include "tests/unit/status/reports.h"

namespace leader::status::test {
namespace {

using namespace std::chrono_literals;

TEST(ReportOf, WhatWasSeenIsGoneByForAsLongAsItMayBe) {
    const auto observation = seen(sampleView("uuid-2"));
    const Instant observedAt = observation->view->observedAt;
    EXPECT_EQ(Role::kLeader, reportOf(observation, observedAt + 10s, {"", 10001ms}).role);
    const Report stale = reportOf(observation, observedAt + 10s, {"", 10s});
    EXPECT_EQ(Role::kUnknown, stale.role);
    EXPECT_EQ("the engine has not answered for 10s", stale.reason);
    EXPECT_EQ(nullptr, stale.leader());
    EXPECT_EQ(Role::kLeader, reportOf(observation, observedAt + 1000h, {}).role);
}

TEST(ReportOf, ALeaseEndsWhenItSaysAndNobodyLeadsByIt) {
    View view = sampleView("uuid-2");
    view.validUntil = kNow;
    EXPECT_EQ(Role::kLeader, reportOf(seen(view), kNow - 1ms, {}).role);
    const Report over = reportOf(seen(view), kNow, {});
    EXPECT_EQ(Role::kUnknown, over.role);
    EXPECT_EQ("the lease has run out", over.reason);
    EXPECT_EQ(nullptr, over.leader());
}

TEST(ReportOf, AFailureKeepsWhatWasSeenAndItsAgeGrows) {
    const auto observation = failing(*seen(sampleView("uuid-2")), "down");
    const Report report = reportOf(observation, kNow + 5s, {});
    EXPECT_EQ(Role::kLeader, report.role);
    EXPECT_EQ("down", report.failure()->message);
    EXPECT_EQ(7s, report.age());
}

TEST(Tracker, BeforeAnythingWasSeenTheRoleIsUnknown) {
    const Report report = Tracker({}, kNow).report(kNow);
    EXPECT_EQ(Role::kUnknown, report.role);
    EXPECT_EQ("the engine has not answered yet", report.reason);
    EXPECT_EQ(nullptr, report.view());
    EXPECT_EQ(0U, report.standings().size());
}

TEST(Tracker, CountsEachChangeOfTheRole) {
    Tracker tracker({}, kNow);
    const auto count = [&](Role role) {
        return tracker.report(kNow).transitions[static_cast<std::size_t>(role)];
    };
    for (const char* self : {"uuid-2", "uuid-2", "uuid-3", "", "uuid-2"})
        tracker.note(seen(sampleView(self)), kNow);
    EXPECT_EQ(2U, count(Role::kLeader));
    EXPECT_EQ(1U, count(Role::kFollower));
    EXPECT_EQ(1U, count(Role::kUnknown));
}

TEST(Tracker, WhatHasBecomeTooOldIsAChangeToo) {
    Tracker tracker({"", 10s}, kNow);
    tracker.note(seen(sampleView("uuid-2")), kNow);
    EXPECT_EQ(1U, tracker.report(kNow + 30s).transitions[static_cast<std::size_t>(Role::kUnknown)]);
    View later = sampleView("uuid-2");
    later.observedAt = kNow + 60s;
    tracker.note(seen(later), kNow + 60s);
    const Report report = tracker.report(kNow + 60s);
    EXPECT_EQ(2U, report.transitions[static_cast<std::size_t>(Role::kLeader)]);
    EXPECT_EQ(1U, report.transitions[static_cast<std::size_t>(Role::kUnknown)]);
}

TEST(Tracker, AWatcherIsStuckAfterThreeOfItsIntervals) {
    Tracker tracker({"", 0s, 10s}, kNow);
    EXPECT_FALSE(tracker.report(kNow + 30s).stuck);
    EXPECT_TRUE(tracker.report(kNow + 30s + 1ms).stuck) << "it never came round at all";
    auto failed = failing({}, "down");
    failed->engine.cameRoundAt = kNow + 40s;
    tracker.note(failed, kNow + 40s);
    EXPECT_FALSE(tracker.report(kNow + 70s).stuck) << "a failure is coming round, too";
    EXPECT_TRUE(tracker.report(kNow + 71s).stuck);
}

}  // namespace
}  // namespace leader::status::test
