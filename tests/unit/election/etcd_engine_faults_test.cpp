// A gateway that answers wrongly, late, for another cluster, or not at all.

#include <atomic>

#include "tests/unit/election/etcd_engine_fixture.h"

namespace leader {
namespace {

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

TEST_F(EtcdEngineTest, TheEndOfAnOutageIsAnAnswerAtOnce) {
    etcd.put("db/1", ours("1"));
    look();
    view();
    etcd.setFault([](const Request&, Peer& peer) {
        peer.answer(503, R"({"error":"etcdserver: no leader"})");
        return true;
    });
    etcd.endWatches();
    EXPECT_NE(std::string::npos, error().find("etcdserver: no leader"));
    etcd.setFault({});
    EXPECT_EQ(1U, view()->candidates.size());
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

TEST_F(EtcdEngineTest, ALeaseThatIsLongerThanTheClockCountsIsTakenForTenYears) {
    etcd.setFault([](const Request&, Peer& peer) {
        peer.answer(200, R"({"header":{"cluster_id":"7"},"ID":"5","TTL":"9223372036854775807"})");
        return true;
    });
    EtcdClient client({{"127.0.0.1", etcd.port()}}, 10s, interrupt);
    const auto lease = client.grant(30s);
    ASSERT_TRUE(lease.ok()) << lease.error().message;
    EXPECT_EQ(Duration(std::chrono::hours(24 * 3653)), lease->ttl);
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
                  where + "the answer is not etcd's: "},
             Case{200, R"({"header":{"cluster_id":"7","revision":"9223372036854775807"}})",
                  "revision: 9223372036854775807 is none"},
             Case{200, R"({"header":{"cluster_id":"7","revision":"-1"}})", "revision: -1 is none"},
             Case{200, R"({"header":{"cluster_id":"7","revision":"1"},"kvs":[{"key":"*"}]})",
                  where + "the answer is not etcd's: '*' is not base64"},
             Case{200, R"({"header":{"cluster_id":"7","revision":"1"},"kvs":[7]})",
                  where + "the answer is not etcd's: kvs holds what is no object"},
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
    const Instant validUntil = *view()->validUntil;
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
    EXPECT_GE(Clock::system().now(), validUntil);
    EXPECT_EQ(Role::kUnknown, role(seen));
    EXPECT_EQ(Role::kFollower, role(view()));
}

TEST_F(EtcdEngineTest, AnOnlookerGoesAlongWithAClusterThatWasReplaced) {
    etcd.put("db/1", ours("1"));
    look();
    view();
    etcd.setCluster("8");
    etcd.endWatches();
    std::shared_ptr<const View> seen;
    ASSERT_TRUE(test::eventually([&] {
        const auto answer = engine->next();
        if (answer) seen = *answer;
        return answer.ok();
    }));
    EXPECT_EQ(1U, seen->candidates.size());
}

}  // namespace
}  // namespace leader
