#include "common/election/rule.h"

#include <gtest/gtest.h>

namespace leader {
namespace {

Candidate candidate(const std::string& uuid, std::optional<std::int64_t> index,
                    const std::string& state = "running", const std::string& health = "healthy") {
    return {uuid, "name-" + uuid, "10.0.0.1", index, state, health};
}

View view(std::vector<Candidate> candidates, const std::string& self) {
    View v;
    v.group = "stack/web";
    v.candidates = std::move(candidates);
    v.selfUuid = self;
    return v;
}

std::string leaderOf(const Outcome& outcome) {
    return outcome.leader ? outcome.leaderCandidate()->uuid : "nobody";
}

TEST(Rule, TheLowestCreateIndexLeads) {
    const auto outcome =
        elect(view({candidate("b", 10), candidate("a", 9), candidate("c", 100)}, "a"), false);
    EXPECT_EQ("a", leaderOf(outcome));
    EXPECT_EQ(Role::kLeader, outcome.role);
}

TEST(Rule, EveryMemberNamesTheSameLeader) {
    for (const char* self : {"a", "b", "c"}) {
        const auto outcome =
            elect(view({candidate("c", 3), candidate("a", 7), candidate("b", 5)}, self), false);
        EXPECT_EQ("c", leaderOf(outcome));
        EXPECT_EQ(std::string(self) == "c" ? Role::kLeader : Role::kFollower, outcome.role);
    }
}

TEST(Rule, OfTwoWithOneIndexTheLowerUuidLeads) {
    EXPECT_EQ("a", leaderOf(elect(view({candidate("b", 1), candidate("a", 1)}, "b"), false)));
}

TEST(Rule, StandingsAreInTheOrderOfCreateIndexesThoseWithoutOneLast) {
    const auto outcome =
        elect(view({candidate("none", {}), candidate("late", 20), candidate("early", 3)}, "late"), false);
    ASSERT_EQ(3U, outcome.standings.size());
    EXPECT_EQ("early", outcome.standings[0].candidate.uuid);
    EXPECT_EQ("late", outcome.standings[1].candidate.uuid);
    EXPECT_EQ("none", outcome.standings[2].candidate.uuid);
    EXPECT_EQ("leads: the lowest create index that counts", outcome.standings[0].reason);
    EXPECT_EQ("waits behind name-early", outcome.standings[1].reason);
    EXPECT_EQ("has no create index", outcome.standings[2].reason);
    EXPECT_FALSE(outcome.standings[2].eligible);
}

class GoneState : public testing::TestWithParam<const char*> {};

TEST_P(GoneState, DoesNotCountAndCarriesTheReason) {
    const auto outcome = elect(view({candidate("a", 1, GetParam()), candidate("b", 2)}, "a"), false);
    EXPECT_EQ("b", leaderOf(outcome));
    EXPECT_EQ(Role::kFollower, outcome.role);
    EXPECT_NE("", outcome.standings[0].reason);
}

INSTANTIATE_TEST_SUITE_P(All, GoneState,
                         testing::Values("stopped", "stopping", "removed", "removing", "purged", "purging",
                                         "error", "erroring", "Stopped"));

class LivingState : public testing::TestWithParam<const char*> {};

TEST_P(LivingState, Counts) {
    EXPECT_EQ("a", leaderOf(elect(view({candidate("a", 1, GetParam()), candidate("b", 2)}, "a"), false)));
}

INSTANTIATE_TEST_SUITE_P(All, LivingState,
                         testing::Values("", "running", "starting", "requested", "updating-running",
                                         "whatever"));

TEST(Rule, UnhealthyCandidatesCountUnlessOnlyHealthyOnesShall) {
    const auto v =
        view({candidate("a", 1, "running", "unhealthy"), candidate("b", 2, "running", "initializing")}, "a");
    EXPECT_EQ("a", leaderOf(elect(v, false)));
    EXPECT_EQ("b", leaderOf(elect(v, true)));
}

TEST(Rule, WhoIsNotKnownIsUnknownThoughALeaderIs) {
    const auto outcome = elect(view({candidate("a", 1)}, ""), false);
    EXPECT_EQ(Role::kUnknown, outcome.role);
    EXPECT_EQ("a", leaderOf(outcome));
    EXPECT_NE(std::string::npos, outcome.reason.find("by its uuid with --self"));
}

TEST(Rule, WhoIsAbsentFromItsServiceIsUnknown) {
    const auto outcome = elect(view({candidate("a", 1)}, "z"), false);
    EXPECT_EQ(Role::kUnknown, outcome.role);
    EXPECT_NE(std::string::npos, outcome.reason.find('z'));
}

TEST(Rule, WhoHasNoCreateIndexIsUnknownEvenAlone) {
    const auto outcome = elect(view({candidate("a", {})}, "a"), false);
    EXPECT_EQ(Role::kUnknown, outcome.role);
    EXPECT_EQ("nobody", leaderOf(outcome));
}

TEST(Rule, AnOnlookerThatIsNoMemberFollows) {
    auto v = view({candidate("a", 1)}, "z");
    v.onlooker = true;
    EXPECT_EQ(Role::kFollower, elect(v, false).role);
    v.selfUuid = "a";
    EXPECT_EQ(Role::kLeader, elect(v, false).role);
}

TEST(Rule, AnOnlookerThatCannotTellWhoItIsMayBeTheLeaderItself) {
    auto v = view({candidate("a", 1)}, "");
    v.onlooker = true;
    const auto outcome = elect(v, false);
    EXPECT_EQ(Role::kUnknown, outcome.role);
    EXPECT_EQ("a", leaderOf(outcome));
    EXPECT_NE(std::string::npos, outcome.reason.find("--self")) << outcome.reason;
}

TEST(Rule, WithoutCandidatesNobodyLeads) {
    EXPECT_EQ("nobody", leaderOf(elect(view({}, ""), false)));
    const auto outcome = elect(view({candidate("a", 1, "stopped")}, "a"), false);
    EXPECT_EQ("nobody", leaderOf(outcome));
    EXPECT_EQ(Role::kFollower, outcome.role);
}

TEST(Rule, TheLargestIndexThereIsStillCounts) {
    EXPECT_EQ("a", leaderOf(elect(view({candidate("a", INT64_MAX), candidate("b", {})}, "a"), false)));
}

TEST(Rule, AMemberThatIsListedTwiceStillLeads) {
    View view;
    view.group = "s/web";
    view.selfUuid = "a";
    for (const char* first : {"running", "stopped"}) {
        view.candidates = {{"a", "web_1", "10.0.0.1", 1, first, "healthy"},
                           {"a", "web_1", "10.0.0.1", 2, "running", "healthy"}};
        EXPECT_EQ(Role::kLeader, elect(view, false).role) << first;
    }
}

}  // namespace
}  // namespace leader
