// The engine before a gateway that behaves; a real etcd is in the end-to-end tests.

#include <atomic>

#include "tests/unit/election/etcd_engine_fixture.h"

namespace leader {
namespace {

TEST_F(EtcdEngineTest, JoinsWithTwoRequestsAndLeadsWhereNobodyIsBefore) {
    join();
    const Instant start = Clock::system().now();
    const auto first = view();
    EXPECT_EQ(Role::kLeader, role(first));
    EXPECT_EQ((std::vector<std::string>{"lease/grant", "kv/txn", "watch"}), etcd.requests());
    EXPECT_EQ("db/100", ownKey());
    EXPECT_EQ("db", first->group);
    EXPECT_EQ("127.0.0.1", first->candidates.at(0).address);
    EXPECT_EQ(2, first->candidates.at(0).createIndex);
    // It cannot know who led a moment ago.
    EXPECT_GE(Clock::system().now() - start, EtcdElection::kTakeoverDelay);
}

TEST_F(EtcdEngineTest, AViewEndsATtlAfterTheTimeBeforeTheRequest) {
    std::atomic<Instant::rep> asked{0};
    etcd.setTtl(20);
    etcd.setFault([&](const Request& request, Peer& peer) {
        if (request.path.find("lease") == std::string::npos) return false;
        asked = Clock::system().now().time_since_epoch().count();
        peer.pause(50ms);
        return false;
    });
    etcd.put("db/1", ours("1"));
    EngineOptions options;
    options.candidate = true;
    options.heartbeat = 100ms;  // renewals come as often
    make(options, etcd.url("db"));
    for (int i = 0; i < 3; ++i) {
        const auto seen = view();
        ASSERT_TRUE(seen->validUntil);
        EXPECT_LE(*seen->validUntil, Instant(Duration(asked)) + 20s);
        EXPECT_GT(*seen->validUntil, Instant(Duration(asked)) + 20s - 10s);
    }
    EXPECT_EQ(2U, etcd.requests("lease/keepalive"));
}

TEST_F(EtcdEngineTest, AViewTellsHowLongTheAnswerTookButNotHowLongAWatchWaited) {
    etcd.put("db/1", ours("1"));
    etcd.setFault([](const Request& request, Peer& peer) {
        if (request.path.find("watch") == std::string::npos) peer.pause(50ms);
        return false;
    });
    look();
    const auto first = view();
    ASSERT_TRUE(first->latency);
    EXPECT_GE(*first->latency, 50ms);
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return etcd.requests("watch") == 1; }));
        etcd.put("db/2", ours("2"));
    });
    const auto second = view();
    other.join();
    EXPECT_EQ(2U, second->candidates.size());
    EXPECT_FALSE(second->latency);
}

TEST_F(EtcdEngineTest, JoiningAndEachRenewalTellHowLongTheyTook) {
    etcd.put("db/1", ours("1"));
    EngineOptions options;
    options.candidate = true;
    options.heartbeat = 1s;
    make(options, etcd.url("db"));
    const Instant start = Clock::system().now();
    for (int i = 0; i < 2; ++i) {
        const auto seen = view();
        ASSERT_TRUE(seen->latency);
        EXPECT_GT(*seen->latency, Duration::zero());
        EXPECT_LE(*seen->latency, Clock::system().now() - start - i * 1s)
            << "the wait for the renewal is no part";
    }
}

TEST_F(EtcdEngineTest, EachRenewalIsAViewThatIsValidForLonger) {
    etcd.put("db/1", ours("1"));
    EngineOptions options;
    options.candidate = true;
    options.heartbeat = 10ms;
    make(options, etcd.url("db"));
    auto last = view();
    for (int i = 0; i < 5; ++i) {
        const auto next = view();
        EXPECT_GT(*next->validUntil, *last->validUntil);
        EXPECT_EQ(Role::kFollower, role(next));
        last = next;
    }
}

TEST_F(EtcdEngineTest, AMemberThatWaitsSendsNothingButRenewals) {
    etcd.put("db/1", ours("1"));
    join(3s);
    view();
    const std::size_t joined = etcd.requests().size();
    const Instant start = Clock::system().now();
    view();
    view();
    EXPECT_GE(Clock::system().now() - start, 1900ms);
    EXPECT_EQ(joined + 3, etcd.requests().size());
    EXPECT_EQ(2U, etcd.requests("lease/keepalive"));
    EXPECT_EQ(1U, etcd.requests("watch"));
}

TEST_F(EtcdEngineTest, TakesOverAtOnceFromAMemberThatSaysThatItLeaves) {
    etcd.put("db/1", ours("1"));
    join();
    EXPECT_EQ(Role::kFollower, role(view()));
    // Past the delay of those who have just joined.
    std::thread other([&] {
        interrupt.wait(EtcdElection::kTakeoverDelay);
        etcd.put("db/1", ours("1", true));
    });
    const auto leading = view();
    EXPECT_EQ(Role::kLeader, role(leading));
    EXPECT_EQ((std::vector<std::string>{"db/1", "db/100"}), etcd.keys());
    other.join();
}

TEST_F(EtcdEngineTest, TakesOverAfterTheDelayFromAMemberThatVanishes) {
    etcd.put("db/1", ours("1"));
    join();
    view();
    interrupt.wait(EtcdElection::kTakeoverDelay);
    const Instant gone = Clock::system().now();
    etcd.remove("db/1");
    // A renewal is a view, too.
    EXPECT_TRUE(test::eventually([&] { return role(view()) == Role::kLeader; }));
    EXPECT_GE(Clock::system().now() - gone, EtcdElection::kTakeoverDelay);
}

TEST_F(EtcdEngineTest, ALostLeaseIsSaidBeforeItJoinsAgainAsTheLast) {
    join(3s);
    const auto leading = view();
    const std::string key = ownKey();
    etcd.setFault([](const Request& request, Peer& peer) {  // no news: the renewal is what tells
        if (request.path != "/v3/watch") return false;
        peer.startChunks();
        peer.hold();
        return true;
    });
    etcd.endWatches();
    etcd.put("db/9", ours("9"));
    etcd.revoke(0x100);
    const auto lost = viewAs(Role::kUnknown);
    EXPECT_FALSE(lost->validUntil);
    EXPECT_EQ(1U, etcd.keys().size());
    const auto again = view();
    EXPECT_EQ(Role::kFollower, role(again));
    EXPECT_NE(key, ownKey());
    EXPECT_TRUE(again->validUntil);
}

TEST_F(EtcdEngineTest, ADeletedKeyIsALossThatTheWatchTells) {
    join();
    view();
    etcd.remove(ownKey());
    EXPECT_EQ(Role::kUnknown, role(view()));
    EXPECT_EQ(0U, etcd.requests("lease/keepalive"));
    EXPECT_EQ(Role::kLeader, role(view()));
}

TEST_F(EtcdEngineTest, LeavesWithAMarkAndThenWithoutItsKeyThoughInterrupted) {
    join();
    view();
    std::string marked;
    etcd.setFault([&](const Request& request, Peer&) {
        if (request.path == "/v3/lease/revoke") marked = etcd.valueOf("db/100");
        return false;
    });
    interrupt.raise();
    engine->leave();
    EXPECT_TRUE(EtcdIdentity::parse(marked).left) << marked;
    EXPECT_EQ("me", EtcdIdentity::parse(marked).name);
    EXPECT_TRUE(etcd.keys().empty());
    EXPECT_TRUE(etcd.leases().empty());
}

TEST_F(EtcdEngineTest, LeavingAGatewayThatHangsIsBounded) {
    join();
    view();
    etcd.setFault([](const Request&, Peer& peer) {
        peer.hold();
        return true;
    });
    interrupt.raise();
    const Instant start = Clock::system().now();
    engine->leave();
    EXPECT_LT(Clock::system().now() - start, 5s);
}

TEST_F(EtcdEngineTest, AnInterruptEndsTheWaiting) {
    join();
    view();
    std::thread other([&] { interrupt.raise(); });
    EXPECT_EQ("interrupted", error());
    other.join();
}

TEST_F(EtcdEngineTest, AnotherEndpointIsAskedAtOnceWhereOneFails) {
    FakeEtcd broken;
    broken.setFault([](const Request&, Peer& peer) {
        peer.answer(500, "broken");
        return true;
    });
    etcd.put("db/1", ours("1"));
    EngineOptions options;
    options.candidate = true;
    options.ttl = 3600s;
    make(options, "etcd://127.0.0.1:1,127.0.0.1:" + std::to_string(broken.port()) +
                      ",127.0.0.1:" + std::to_string(etcd.port()) + "/db");
    EXPECT_EQ(Role::kFollower, role(view()));
    EXPECT_EQ((std::vector<std::string>{"lease/grant"}), broken.requests());
}

TEST(EtcdEngine, RefusesWhatEtcdCannotDo) {
    const Interrupt interrupt;
    EngineOptions options;
    options.url = "etcd://h:1/db";
    options.candidate = true;
    options.ttl = 2500ms;
    EXPECT_EQ("--ttl: '2s500ms' is not in whole seconds, by which leases are counted",
              makeEngine(options, interrupt).error().message);
    options.ttl = 3s;
    options.service = "web/app";
    EXPECT_EQ("--service: 'etcd://h:1/db' names its election itself, leave it out",
              makeEngine(options, interrupt).error().message);
}

}  // namespace
}  // namespace leader
