#include "common/election/kubernetes_election.h"

#include <gtest/gtest.h>

#include "common/election/rule.h"

namespace leader {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;

class KubernetesElectionTest : public testing::Test {
  protected:
    static KubernetesLease leaseOf(const LeaseRecord& record, std::optional<LeaseMember> member = {}) {
        KubernetesLease lease;
        lease.resourceVersion = "1";
        lease.record = record;
        lease.member = std::move(member);
        return lease;
    }
    static LeaseRecord heldBy(const std::string& holder, const std::string& renewed = "r0", int term = 3) {
        return {holder, 15s, "a", renewed, term};
    }

    void learn(std::optional<KubernetesLease> lease) { election.learn(std::move(lease), now, wall); }
    /// This member takes the lease, and the server agrees.
    void take() {
        const LeaseRecord record = election.claim("10.0.0.9", now, "w0");
        learn(leaseOf(record, election.self()));
    }
    Role role() const { return elect(*election.view("", now), false).role; }

    Instant now{1000s};
    system_clock::time_point wall = *parseLeaseTime("2026-01-02T03:04:05Z");
    KubernetesElection election{{"me", "", "uuid", 0}, 30s};
    KubernetesElection looker{{"me", "", "", 0}, 30s};
};

TEST_F(KubernetesElectionTest, AMissingLeaseIsFreeAndBeginsWithTermZero) {
    learn({});
    EXPECT_TRUE(election.expired(now));
    EXPECT_EQ(Role::kFollower, role());
    EXPECT_EQ((LeaseRecord{"me", 30s, "w", "w", 0}), election.claim("10.0.0.9", now, "w"));
    EXPECT_FALSE(election.holds());
}

TEST_F(KubernetesElectionTest, AReleasedLeaseIsTakenAtOnceUnderTheNextTerm) {
    learn(leaseOf({"", 1s, "a", "r", 7}));
    EXPECT_TRUE(election.expired(now));
    take();
    EXPECT_TRUE(election.holds());
    EXPECT_EQ(Role::kLeader, role());
    EXPECT_EQ(8, election.view("", now)->candidates.at(0).createIndex);
    EXPECT_EQ(now + 30s, election.validUntil());
}

TEST_F(KubernetesElectionTest, AHeldLeaseIsTakenOnceItHasNotChangedForItsOwnDuration) {
    learn(leaseOf(heldBy("other")));
    EXPECT_EQ(now + 15s, election.freeAt());
    now += 14s;
    learn(leaseOf(heldBy("other", "r1")));
    EXPECT_EQ(now + 15s, election.freeAt());
    now += 10s;
    learn(leaseOf(heldBy("other", "r1")));
    EXPECT_EQ(now + 5s, election.freeAt()) << "seen again is not changed";
    election.forget();
    learn(leaseOf(heldBy("other", "r1")));
    EXPECT_EQ(now + 5s, election.freeAt()) << "neither is what is found as it was after an outage";
    EXPECT_EQ(1U, election.view("", now)->candidates.size());
    now += 5s;
    EXPECT_TRUE(election.expired(now));
    EXPECT_TRUE(election.view("", now)->candidates.empty());
}

TEST_F(KubernetesElectionTest, TheSameNameIsNotTheSameMember) {
    learn(leaseOf(heldBy("me"), LeaseMember{"me", "10.0.0.9", "an earlier one", 3}));
    EXPECT_FALSE(election.holds());
    EXPECT_EQ(Role::kFollower, role());
    EXPECT_FALSE(election.expired(now));
}

TEST_F(KubernetesElectionTest, AClaimWhoseAnswerWasLostIsRecognised) {
    learn({});
    const LeaseRecord record = election.claim("10.0.0.9", now, "w0");
    election.forget();
    now += 5s;
    learn(leaseOf(record, election.self()));
    EXPECT_TRUE(election.holds());
    EXPECT_EQ(now + 25s, election.validUntil()) << "it counts from before it was sent";
}

// It would end earlier than the last one says.
TEST_F(KubernetesElectionTest, AnEarlierClaimThatComesAboutLateIsNotTakenForTheLastOne) {
    learn({});
    const LeaseRecord early = election.claim("10.0.0.9", now, "w0");
    const LeaseMember member = election.self();
    now += 5s;
    const LeaseRecord late = election.claim("10.0.0.9", now, "w5");
    election.forget();
    learn(leaseOf(early, member));
    EXPECT_FALSE(election.holds());
    learn(leaseOf(late, election.self()));
    EXPECT_TRUE(election.holds());
}

TEST_F(KubernetesElectionTest, ARenewalKeepsAcquireTimeAndTerm) {
    learn({});
    take();
    now += 10s;
    const LeaseRecord record = election.renewal("w1");
    EXPECT_EQ((LeaseRecord{"me", 30s, "w0", "w1", 0}), record);
    learn(leaseOf(record, election.self()));
    election.renewed(now);
    EXPECT_EQ(now + 30s, election.validUntil());
}

TEST_F(KubernetesElectionTest, ALeaseTakenByAnotherIsLost) {
    learn({});
    take();
    learn(leaseOf(heldBy("other"), {}));
    EXPECT_FALSE(election.holds());
    EXPECT_EQ(Role::kFollower, role());
}

TEST_F(KubernetesElectionTest, ALeaseDeletedUnderItsHolderIsAsGoodAsHeldUntilTheHolderMustBeGone) {
    learn(leaseOf(heldBy("other")));
    now += 5s;
    learn({});
    EXPECT_EQ(now + 10s, election.freeAt());
    now += 10s;
    EXPECT_EQ(4, election.claim("", now, "w").transitions) << "terms only grow";
    learn(leaseOf(heldBy("another", "r0", 0)));
    EXPECT_EQ(4, election.claim("", now, "w").transitions) << "whoever has made it anew";
}

TEST_F(KubernetesElectionTest, ALeaseEmptiedUnderItsHolderIsAsGoodAsHeldUntilTheHolderMustBeGone) {
    const LeaseMember member{"other", "10.0.0.1", "x", 3};
    learn(leaseOf(heldBy("other"), member));
    now += 5s;
    learn(leaseOf(heldBy(""), member));
    EXPECT_EQ(now + 15s, election.freeAt());
    EXPECT_TRUE(election.view("", now)->candidates.empty());
}

TEST_F(KubernetesElectionTest, WhoLooksOnTakesTheWallClocksWordForAFreshLease) {
    looker.learn(leaseOf(heldBy("me", "2026-01-02T03:04:01Z")), now, wall);
    EXPECT_FALSE(looker.doubtful(now));
    EXPECT_EQ(now + 11s, looker.freeAt());
    EXPECT_EQ(now + 11s, looker.view("", now)->validUntil);
    EXPECT_EQ(Role::kLeader, elect(*looker.view("", now), false).role);
}

TEST_F(KubernetesElectionTest, WhoLooksOnDoubtsAnOldLeaseUntilItIsRenewedOrTheDurationIsOver) {
    looker.learn(leaseOf(heldBy("me", "2026-01-02T03:03:01Z")), now, wall);
    EXPECT_TRUE(looker.doubtful(now));
    EXPECT_FALSE(looker.doubtful(now + 15s));
    EXPECT_EQ(Role::kFollower, elect(*looker.view("", now + 15s), false).role);
    looker.learn(leaseOf(heldBy("me", "2026-01-02T03:03:06Z")), now + 5s, wall);
    EXPECT_FALSE(looker.doubtful(now + 5s));
    EXPECT_EQ(Role::kLeader, elect(*looker.view("", now + 5s), false).role);
}

TEST_F(KubernetesElectionTest, TheViewHasTheRecordWithItsTimeByTheHoldersClock) {
    looker.learn(leaseOf(heldBy("other", "2026-01-02T03:04:01Z")), now, wall);
    const auto view = looker.view("", now);
    ASSERT_TRUE(view->lease);
    EXPECT_EQ("other", view->lease->holder);
    EXPECT_EQ(3, view->lease->transitions);
    EXPECT_EQ(15s, view->lease->duration);
    EXPECT_EQ("2026-01-02T03:04:01Z", view->lease->renewTime);
    EXPECT_EQ(now - 4s, view->lease->renewedAt);

    looker.learn(leaseOf(heldBy("other", "2026-01-02T03:04:10Z")), now, wall);
    EXPECT_EQ(now + 5s, looker.view("", now)->lease->renewedAt) << "the holder's clock is ahead";
    looker.learn(leaseOf({"", 1s, "a", "never", 3}), now, wall);
    EXPECT_EQ("", looker.view("", now)->lease->holder);
    EXPECT_FALSE(looker.view("", now)->lease->renewedAt);
    looker.learn({}, now, wall);
    EXPECT_FALSE(looker.view("", now)->lease);
}

TEST_F(KubernetesElectionTest, ALeaseThatHasRunOutIsStillToldOf) {
    looker.learn(leaseOf(heldBy("other", "2026-01-02T03:03:01Z")), now, wall);
    const auto view = looker.view("", now + 15s);
    EXPECT_TRUE(view->candidates.empty());
    EXPECT_EQ("other", view->lease->holder);
    EXPECT_EQ(now - 64s, view->lease->renewedAt);
}

}  // namespace
}  // namespace leader
