// The engine against a gateway that can be made to fail in every way; a real etcd is in the end-to-end tests.

#include "common/election/etcd_engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/base/log.h"
#include "common/election/etcd_election.h"
#include "common/election/rule.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_etcd.h"

namespace leader {
namespace {

using namespace std::chrono_literals;
using test::FakeEtcd;
using Request = FakeEtcd::Request;
using Peer = FakeEtcd::Peer;

std::string ours(const std::string& name, bool left = false) {
    return EtcdIdentity{name, "10.0.0.9", "uuid-" + name, left}.toJson();
}

class EtcdEngineTest : public testing::Test {
  protected:
    EtcdEngineTest()
        : watchdog_([this] {
              if (!done_.wait(test::patience(30s))) interrupt.raise();
          }) {}
    ~EtcdEngineTest() override {
        done_.raise();
        watchdog_.join();
    }

    void make(EngineOptions options, const std::string& url) {
        options.url = url;
        options.self = "me";
        auto made = makeEtcdEngine(options, interrupt);
        ASSERT_TRUE(made.ok()) << made.error().message;
        engine = std::move(*made);
    }
    void join(std::chrono::seconds ttl = 3600s) {
        EngineOptions options;
        options.candidate = true;
        options.ttl = ttl;
        options.heartbeat = 1h;
        make(options, etcd.url("db"));
    }
    void look(Duration heartbeat = 1h) {
        EngineOptions options;
        options.heartbeat = heartbeat;
        make(options, etcd.url("db"));
    }

    /// The next view; a test that gets an error fails.
    std::shared_ptr<const View> view() {
        const auto answer = engine->next();
        if (answer) return *answer;
        ADD_FAILURE() << answer.error().message;
        return std::make_shared<View>();
    }
    std::string error() {
        const auto answer = engine->next();
        return answer ? "a view" : answer.error().message;
    }
    static Role role(const std::shared_ptr<const View>& view) { return elect(*view, false).role; }
    /// Views until the role is this one.
    std::shared_ptr<const View> viewAs(Role wanted) {
        auto last = view();
        for (int i = 0; i < 100 && role(last) != wanted && !HasFailure(); ++i) last = view();
        EXPECT_EQ(wanted, role(last));
        return last;
    }
    std::string ownKey() const {
        for (const std::string& key : etcd.keys())
            if (etcd.valueOf(key).find("\"me\"") != std::string::npos) return key;
        return "";
    }

    FakeEtcd etcd;
    Interrupt interrupt;
    std::unique_ptr<Engine> engine;

  private:
    Interrupt done_;
    std::thread watchdog_;
};

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
    EXPECT_EQ(Role::kLeader, role(view()));
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

TEST_F(EtcdEngineTest, AnAnswerThatIsLostIsAskedForAgainUnderTheSameLease) {
    std::atomic<int> lost{0};
    etcd.put("db/1", ours("1"));
    etcd.setFault([&](const Request& request, Peer& peer) {
        if (request.path != "/v3/kv/txn" || lost++ > 1) return false;
        // Carried out, and then the connection is gone; so is the new one on which the client repeats it.
        if (lost == 1) etcd.put("db/100", ours("me"));
        peer.close();
        return true;
    });
    join();
    EXPECT_EQ("http://127.0.0.1:" + std::to_string(etcd.port()) +
                  "/v3/kv/txn: the connection was closed before an answer",
              error());
    EXPECT_EQ(Role::kFollower, role(view()));
    EXPECT_EQ(1U, etcd.requests("lease/grant"));
    EXPECT_EQ(2U, etcd.keys().size());
}

TEST_F(EtcdEngineTest, ACompactedWatchIsReadAnew) {
    etcd.put("db/1", ours("1"));
    etcd.put("db/2", ours("2"));
    look();
    EXPECT_EQ(2U, view()->candidates.size());
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return etcd.watches() == 1; }));
        etcd.compact();
    });
    EXPECT_EQ(2U, view()->candidates.size());
    EXPECT_EQ(2U, etcd.requests("kv/range"));
    other.join();
    etcd.remove("db/1");
    EXPECT_EQ(1U, view()->candidates.size());
    EXPECT_EQ(2U, etcd.requests("kv/range"));
}

TEST_F(EtcdEngineTest, AWatchThatEndsIsResumedWhereItEnded) {
    etcd.put("db/1", ours("1"));
    look();
    view();
    for (int i = 2; i < 5; ++i) {
        etcd.endWatches();
        etcd.put("db/" + std::to_string(i), ours("x"));
        EXPECT_EQ(static_cast<std::size_t>(i), view()->candidates.size());
    }
    EXPECT_EQ(1U, etcd.requests("kv/range"));
}

TEST_F(EtcdEngineTest, AnOnlookerAsksNothingButTheKeysAndVouchesEachHeartbeat) {
    etcd.put("db/1", ours("1"));
    look(50ms);
    const auto first = view();
    EXPECT_EQ((std::vector<std::string>{"kv/range"}), etcd.requests());
    const auto second = view();
    EXPECT_GE(second->observedAt - first->observedAt, 50ms);
    EXPECT_EQ((std::vector<std::string>{"kv/range", "watch", "kv/range"}), etcd.requests());
    EXPECT_FALSE(second->validUntil);
    EXPECT_EQ((std::vector<std::string>{"db/1"}), etcd.keys());
}

TEST_F(EtcdEngineTest, AStoreThatBeganAnewIsReadAnew) {
    for (int i = 0; i < 20; ++i) etcd.put("db/1", ours("1"));
    look();
    view();
    FakeEtcd anew;
    anew.put("db/7", ours("7"));
    // The same cluster by its id, as one that was emptied and made with the same members is.
    etcd.setFault([&](const Request& request, Peer& peer) {
        if (request.path == "/v3/watch") {
            peer.startChunks();
            peer.chunk(
                "{\"result\":{\"header\":{\"cluster_id\":\"7\",\"revision\":\"2\"},\"created\":true}}\n");
            peer.hold();
            return true;
        }
        peer.answer(200, "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"2\"}}");
        return true;
    });
    etcd.endWatches();
    EXPECT_EQ(0U, view()->candidates.size());
}

TEST_F(EtcdEngineTest, AnswersThatAreNoneAreErrorsThatSayWhere) {
    struct Case {
        int status;
        std::string body;
        std::string says;
    };
    const std::string where = "http://127.0.0.1:" + std::to_string(etcd.port()) + "/v3/kv/range: ";
    for (const auto& [status, body, says] : {
             Case{200, "<html>", where + "is not JSON"},
             Case{200, "", where + "is empty"},
             Case{200, "[]", where + "is an array, not an object"},
             Case{200, "{\"a\":", where + "is not JSON: "},
             Case{404, "404 page not found", where + "answered 404"},
             Case{503, R"({"error":"etcdserver: request timed out","code":14})",
                  where + "etcdserver: request timed out"},
             Case{401, R"({"code":16,"message":"etcdserver: invalid auth token"})",
                  where + "etcdserver: invalid auth"},
             Case{200, "{}", "is not etcd: the answer has no cluster id"},
             Case{200, R"({"header":{"cluster_id":"7","revision":"x"}})",
                  "/v3/kv/range: the answer is not etcd's"},
             Case{200, R"({"header":{"cluster_id":"7","revision":"1"},"kvs":[{"key":"*"}]})", "/v3/kv/range"},
             Case{200, R"({"header":{"cluster_id":"7","revision":"1"},"kvs":[7]})", "/v3/kv/range"},
             Case{200, R"({"header":[],"kvs":7})", "is an array, not an object"},
         }) {
        etcd.setFault([status = status, body = body](const Request&, Peer& peer) {
            peer.answer(status, body);
            return true;
        });
        look();
        const std::string said = error();
        EXPECT_NE(std::string::npos, said.find(says)) << said << "\nis not: " << says;
        EXPECT_EQ(std::string::npos, said.find('\n'));
    }
}

TEST_F(EtcdEngineTest, LinesOfTheWatchThatAreNoneEndItAndNothingElse) {
    etcd.put("db/1", ours("1"));
    look();
    view();
    for (const char* line :
         {"no JSON", "{\"result\":{\"header\":{\"cluster_id\":\"7\"},\"events\":[7]}}", "[]", "",
          "{\"error\":{\"grpc_code\":14,\"message\":\"etcdserver: no leader\"}}"}) {
        std::thread other([&] {
            EXPECT_TRUE(test::eventually([&] { return etcd.watches() == 1; }));
            const std::size_t before = etcd.requests("watch");
            etcd.say(line);
            EXPECT_TRUE(test::eventually([&] { return etcd.requests("watch") > before; }));
            etcd.put("db/1", ours("1"));
        });
        EXPECT_EQ(1U, view()->candidates.size()) << line;
        other.join();
    }
    EXPECT_EQ(1U, etcd.requests("kv/range"));
}

TEST_F(EtcdEngineTest, WhatAnswersForAnotherClusterIsNotBelieved) {
    etcd.put("db/1", ours("1"));
    join(3s);
    view();
    etcd.setCluster("8");
    etcd.revoke(0x100);
    // In the other cluster there is no such lease, which says nothing of the one here.
    EXPECT_NE(std::string::npos, error().find("belongs to the etcd cluster 8, not to 7"));
    // Until the lease must have ended: then the cluster here is no more.
    std::shared_ptr<const View> seen;
    ASSERT_TRUE(test::eventually([&] {
        const auto answer = engine->next();
        if (answer) seen = *answer;
        return answer.ok();
    }));
    EXPECT_EQ(Role::kUnknown, role(seen));
    EXPECT_EQ(Role::kFollower, role(view()));
}

TEST_F(EtcdEngineTest, AnOnlookerGoesAlongWithAClusterThatWasReplaced) {
    etcd.put("db/1", ours("1"));
    look();
    view();
    etcd.setCluster("8");
    etcd.endWatches();
    std::thread other([&] { EXPECT_TRUE(test::eventually([&] { return etcd.requests("watch") >= 1; })); });
    std::shared_ptr<const View> seen;
    ASSERT_TRUE(test::eventually([&] {
        const auto answer = engine->next();
        if (answer) seen = *answer;
        return answer.ok();
    }));
    EXPECT_EQ(1U, seen->candidates.size());
    other.join();
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
    EXPECT_EQ("etcd counts leases in whole seconds, not in --ttl 2s500ms",
              makeEtcdEngine(options, interrupt).error().message);
    options.ttl = 3s;
    options.service = "web/app";
    EXPECT_EQ("'etcd://h:1/db' names its election itself: leave --service out",
              makeEtcdEngine(options, interrupt).error().message);
}

}  // namespace
}  // namespace leader
