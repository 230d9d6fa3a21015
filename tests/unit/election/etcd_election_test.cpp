#include "common/election/etcd_election.h"

#include <gtest/gtest.h>

#include "common/election/rule.h"

namespace leader {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};
constexpr Duration kDelay = EtcdElection::kTakeoverDelay;

std::string ours(const std::string& name, bool left = false) {
    return EtcdIdentity{name, "10.0.0." + name, "uuid-" + name, left}.toJson();
}

EtcdKey key(const std::string& name, std::int64_t created, const std::string& value) {
    return {"db/" + name, value, created, created};
}

EtcdNews put(const std::string& name, std::int64_t created, std::int64_t revision, const std::string& value) {
    return {{{false, {"db/" + name, value, created, revision}}}, false};
}

EtcdNews deleted(const std::string& name, std::int64_t revision) {
    return {{{true, {"db/" + name, "", 0, revision}}}, false};
}

/// Member 3, behind 1 and 2, a while after it has joined.
class EtcdElectionTest : public testing::Test {
  protected:
    EtcdElectionTest() {
        EXPECT_TRUE(election.join(
            "db/3", {13, {key("1", 11, ours("1")), key("2", 12, ours("2")), key("3", 13, ours("3"))}},
            kStart));
    }

    Outcome outcome() const { return elect(*election.view("uuid-3"), false); }
    std::string leader() const {
        return outcome().leaderCandidate() ? outcome().leaderCandidate()->name : "";
    }

    EtcdElection election{"db"};
    const Instant now = kStart + 1h;
};

TEST_F(EtcdElectionTest, KeysThatWereNotAskedForAreNoCandidates) {
    const EtcdKey other{"x", ours("x"), 1, 14};
    election.apply({{{false, other}}, false}, now);
    EXPECT_EQ("1", leader());
    EXPECT_EQ(3U, outcome().standings.size());
    election.replace({15, {other, key("3", 13, ours("3"))}}, now);
    EXPECT_EQ("3", leader());
    EXPECT_EQ(1U, outcome().standings.size());
}

TEST(EtcdIdentity, IsReadAsItWasWritten) {
    const EtcdIdentity identity{"web \"1\"\n", "fd00::1", "u", true};
    const auto read = EtcdIdentity::parse(identity.toJson());
    EXPECT_EQ(identity.name, read.name);
    EXPECT_EQ(identity.address, read.address);
    EXPECT_EQ(identity.uuid, read.uuid);
    EXPECT_TRUE(read.left);
    EXPECT_EQ(R"({"name":"a","address":"b","uuid":"c"})", (EtcdIdentity{"a", "b", "c", false}.toJson()));
}

TEST(EtcdIdentity, AnyOtherValueIsNameAndAddress) {
    for (const std::string value :
         {"10.0.0.5", "", "{\"a\":1}", "{", "[1]", "7", "null", "\xff\x01", "{\"name\":7}"}) {
        const auto read = EtcdIdentity::parse(value);
        EXPECT_EQ(value, read.name);
        EXPECT_EQ(value, read.address);
        EXPECT_EQ("", read.uuid);
        EXPECT_FALSE(read.left);
    }
}

TEST_F(EtcdElectionTest, KeysAreMadeAsEtcdMakesThem) {
    EXPECT_EQ("db/694d7f3a1e2b0c5d", election.keyOf(0x694d7f3a1e2b0c5d));
    EXPECT_EQ("db/a", election.keyOf(10));
    EXPECT_EQ("db/", election.prefix());
}

TEST_F(EtcdElectionTest, TheLowestCreateRevisionLeads) {
    EXPECT_EQ("1", leader());
    EXPECT_EQ(Role::kFollower, outcome().role);
    EXPECT_EQ(13, outcome().selfCandidate()->createIndex);
    election.apply(deleted("1", 14), now);
    EXPECT_EQ("2", leader());
    election.apply(deleted("2", 15), now);
    EXPECT_EQ(Role::kLeader, outcome().role);
}

TEST_F(EtcdElectionTest, WhoHasLeftInGoodOrderIsFollowedAtOnceAndWithoutItsKeyGoing) {
    election.apply(put("1", 11, 14, ours("1", true)), now);
    EXPECT_EQ("2", leader());
    election.apply(put("2", 12, 15, ours("2", true)), now);
    EXPECT_EQ(Role::kLeader, outcome().role);
    election.apply(deleted("1", 16), now);
    election.apply(deleted("2", 17), now);
    EXPECT_LE(election.notBefore(), now);
}

TEST_F(EtcdElectionTest, WhoVanishesWithoutAWordIsFollowedAfterTheDelay) {
    election.apply(deleted("1", 14), now);
    EXPECT_EQ(now + kDelay, election.notBefore());
    // The one between leaves in good order at once: what the first one's command needs is not shortened.
    election.apply(put("2", 12, 15, ours("2", true)), now + 10ms);
    election.apply(deleted("2", 16), now + 20ms);
    EXPECT_EQ(Role::kLeader, outcome().role);
    EXPECT_EQ(now + kDelay, election.notBefore());
}

TEST_F(EtcdElectionTest, WhoJoinsCannotKnowWhatWasBeforeAndWaits) {
    EXPECT_EQ(kStart + kDelay, election.notBefore());
}

TEST_F(EtcdElectionTest, AForeignMembersKeyGoesWhenItHasEnded) {
    election.apply(put("1", 11, 14, "10.0.0.5"), now);
    EXPECT_EQ("10.0.0.5", leader());
    election.apply(deleted("1", 15), now);
    EXPECT_LE(election.notBefore(), now);
}

TEST_F(EtcdElectionTest, WhoCameLaterNeverLedBefore) {
    election.apply(put("4", 14, 14, ours("4")), now);
    election.apply(deleted("4", 15), now);
    EXPECT_LE(election.notBefore(), now);
}

TEST_F(EtcdElectionTest, WhatVanishedUnseenVanishedWithoutAWord) {
    election.replace({20, {key("3", 13, ours("3"))}}, now);
    EXPECT_EQ(Role::kLeader, outcome().role);
    EXPECT_EQ(now + kDelay, election.notBefore());
}

TEST_F(EtcdElectionTest, AKeyMadeAnewIsAnotherCandidate) {
    election.replace({20, {key("1", 19, ours("1")), key("2", 12, ours("2")), key("3", 13, ours("3"))}}, now);
    EXPECT_EQ("2", leader());
    EXPECT_EQ(now + kDelay, election.notBefore());
    election.apply(put("2", 21, 21, ours("2")), now + 1s);
    EXPECT_EQ(Role::kLeader, outcome().role);
    EXPECT_EQ(now + 1s + kDelay, election.notBefore());
}

TEST_F(EtcdElectionTest, AMemberWhoseKeyIsGoneIsNobody) {
    election.apply(deleted("3", 14), now);
    EXPECT_FALSE(election.joined());
    EXPECT_EQ(Role::kUnknown, outcome().role);
    // Nor is it somebody else of its name.
    election.withdraw();
    election.apply(put("4", 15, 15, ours("3")), now);
    election.apply(deleted("1", 16), now);
    election.apply(deleted("2", 17), now);
    EXPECT_EQ("3", leader());
    EXPECT_EQ(Role::kUnknown, elect(*election.view("uuid-of-this-process"), false).role);
}

TEST_F(EtcdElectionTest, WhoHasWithdrawnIsGoneBeforeTheWatchSaysSo) {
    election.apply(put("1", 11, 14, ours("1", true)), now);
    election.apply(put("2", 12, 15, ours("2", true)), now);
    ASSERT_EQ(Role::kLeader, outcome().role);
    election.withdraw();
    EXPECT_EQ(Role::kUnknown, outcome().role);
    EXPECT_EQ("", leader());
}

TEST_F(EtcdElectionTest, WhatAWatchSaysOfThePastIsKnown) {
    election.replace({20, {key("3", 13, ours("3"))}}, now);
    election.apply(put("2", 12, 18, ours("2")), now);
    EXPECT_EQ(Role::kLeader, outcome().role);
    election.apply(put("4", 21, 21, ours("4")), now);
    EXPECT_EQ(2U, outcome().standings.size());
}

TEST_F(EtcdElectionTest, TwoWithOneUuidAreToldApart) {
    election.replace({20, {key("9", 9, ours("3")), key("3", 13, ours("3"))}}, now);
    EXPECT_EQ(Role::kFollower, outcome().role);
    EXPECT_EQ(13, outcome().selfCandidate()->createIndex);
}

TEST(EtcdElection, AnOnlookerIsFoundByUuidNameOrAddressWhereThatIsOne) {
    EtcdElection election("db");
    election.replace({9, {key("1", 1, ours("1")), key("2", 2, ours("2")), key("3", 3, ours("2"))}}, kStart);
    for (const char* self : {"1", "10.0.0.1", "uuid-1"}) EXPECT_EQ("uuid-1", election.view(self)->selfUuid);
    EXPECT_EQ("", election.view("2")->selfUuid);
    EXPECT_EQ(Role::kUnknown, elect(*election.view("2"), false).role);
    EXPECT_EQ(Role::kUnknown, elect(*election.view("stranger"), false).role);
}

}  // namespace
}  // namespace leader
