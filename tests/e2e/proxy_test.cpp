#include <gtest/gtest.h>
#include <sys/resource.h>

#include <numeric>

#include "tests/e2e/proxy_rig.h"
#include "tests/support/sanitizer.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

TEST_F(Proxied, HalfClosedClientStillGetsTheWholeAnswer) {
    const UniqueFd client = proxy->client();
    const UniqueFd leader = acceptSoon(listener);
    ASSERT_TRUE(sendAll(client, "request"));
    shutdown(client.get(), SHUT_WR);
    EXPECT_EQ("request", readSoon(leader).bytes);
    ASSERT_TRUE(sendAll(leader, "answer"));
    shutdown(leader.get(), SHUT_WR);
    const Received answer = readSoon(client);
    EXPECT_EQ("answer", answer.bytes);
    EXPECT_TRUE(answer.ended);
}

TEST_F(Proxied, HalfClosedLeaderStillGetsTheWholeUpload) {
    const UniqueFd client = proxy->client();
    const UniqueFd leader = acceptSoon(listener);
    ASSERT_TRUE(sendAll(leader, "go on"));
    shutdown(leader.get(), SHUT_WR);
    EXPECT_TRUE(readSoon(client).ended);
    ASSERT_TRUE(sendAll(client, "upload"));
    shutdown(client.get(), SHUT_WR);
    EXPECT_EQ("upload", readSoon(leader).bytes);
}

TEST_F(Proxied, AResetOfOneSideIsAResetOfTheOther) {
    for (const bool byClient : {true, false}) {
        UniqueFd client = proxy->client();
        UniqueFd leader = acceptSoon(listener);
        ASSERT_TRUE(sendAll(client, "x"));
        EXPECT_EQ("x", readSoon(leader, 1).bytes);
        UniqueFd& resets = byClient ? client : leader;
        resetOnClose(resets);
        resets.reset();
        EXPECT_EQ(ECONNRESET, readSoon(byClient ? leader : client).error);
    }
}

TEST_F(Proxied, ServesTwoThousandConnectionsAtATime) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    constexpr std::size_t kMany = 2000;
    // Two of each here and two in the proxy, and some for everything else.
    if (limit.rlim_max < 2 * kMany + 200)
        GTEST_SKIP() << "needs " << 2 * kMany + 200 << " descriptors, and the limit is " << limit.rlim_max;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    std::vector<UniqueFd> clients(kMany);
    std::vector<UniqueFd> leaders(kMany);
    for (std::size_t i = 0; i < kMany; ++i) {
        clients[i] = proxy->client();
        leaders[i] = acceptSoon(listener);
        ASSERT_TRUE(clients[i] && leaders[i]) << i;
    }
    for (std::size_t i = 0; i < kMany; ++i) ASSERT_TRUE(sendAll(clients[i], std::to_string(i) + "\n"));
    std::vector<bool> seen(kMany);
    for (const UniqueFd& leader : leaders) {
        const std::string line = readSoon(leader, 2).bytes;
        Received rest;
        while (rest.open() && (line + rest.bytes).back() != '\n' && ready(leader, POLLIN)) rest.poll(leader);
        seen.at(std::stoul(line + rest.bytes)) = true;
    }
    EXPECT_EQ(kMany, static_cast<std::size_t>(std::accumulate(seen.begin(), seen.end(), 0)));
}

TEST_F(Proxied, ALeaderThatAcceptsAndNeverAnswersHoldsUpNobodyElse) {
    const UniqueFd waits = proxy->client();
    const UniqueFd silent = acceptSoon(listener);
    ASSERT_TRUE(sendAll(waits, "anybody there?"));
    const UniqueFd next = proxy->client();
    const UniqueFd answers = acceptSoon(listener);
    ASSERT_TRUE(sendAll(answers, "yes"));
    EXPECT_EQ("yes", readSoon(next, 3).bytes);
    Received nothing;
    nothing.poll(waits);
    EXPECT_TRUE(nothing.open());
    ASSERT_TRUE(sendAll(silent, "late"));
    EXPECT_EQ("late", readSoon(waits, 4).bytes);
}

TEST_F(ProxiedWithOptions, ALeaderThatRefusesAndComesUpWithinTheHoldServesTheClient) {
    start({"--hold", "60s"});
    const std::uint16_t target = portOf(listener.get());
    listener.reset();
    const UniqueFd client = proxy->client();
    ASSERT_TRUE(sendAll(client, "patient"));
    ASSERT_TRUE(proxy->process->waitForErrors("cannot reach leader"));
    listener = listenOn(loopback(1), target);
    ASSERT_TRUE(listener);
    EXPECT_EQ("patient", readSoon(acceptSoon(listener), 7).bytes);
}

TEST_F(Proxied, WithoutDescriptorsItServesWhoIsThereAndTheOthersLater) {
    if (kSanitized) GTEST_SKIP() << "a sanitizer needs a descriptor to report";
    const UniqueFd early = proxy->client();
    const UniqueFd earlyLeader = acceptSoon(listener);
    ASSERT_TRUE(earlyLeader);
    rlimit before{};
    ASSERT_EQ(0, prlimit(proxy->process->pid(), RLIMIT_NOFILE, nullptr, &before));
    rlimit none = before;
    none.rlim_cur = 3;
    ASSERT_EQ(0, prlimit(proxy->process->pid(), RLIMIT_NOFILE, &none, nullptr));
    const UniqueFd late = proxy->client();
    ASSERT_TRUE(proxy->process->waitForErrors("accepting no clients"));
    ASSERT_TRUE(sendAll(early, "alive"));
    EXPECT_EQ("alive", readSoon(earlyLeader, 5).bytes);
    ASSERT_EQ(0, prlimit(proxy->process->pid(), RLIMIT_NOFILE, &before, nullptr));
    EXPECT_TRUE(acceptSoon(listener));
}

TEST_F(ProxiedWithOptions, TheLeaderReadsTheProxyProtocolHeader) {
    start({"--send-proxy", "v1"});
    const UniqueFd client = proxy->client();
    ASSERT_TRUE(sendAll(client, "body"));
    const std::string expected = "PROXY TCP4 127.0.0.1 " + loopback(2) + " " +
                                 std::to_string(portOf(client.get())) + " " + std::to_string(proxy->port) +
                                 "\r\nbody";
    EXPECT_EQ(expected, readSoon(acceptSoon(listener), expected.size()).bytes);
}

TEST_F(ProxiedWithOptions, AClientThatNobodyServesIsResetAfterTheHold) {
    start({"--hold", "300ms"});
    listener.reset();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(ECONNRESET, readSoon(proxy->client()).error);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 300ms);
}

// The old leader goes on answering: only the proxy keeps clients from it.
TEST_F(ProxiedWithOptions, AtAFailoverNobodyIsRefusedAndTheOldLeaderAnswersNobodyAnyMore) {
    constexpr std::size_t kHalf = 200;
    start({"--hold", "60s"});
    const std::uint16_t target = portOf(listener.get());
    const NamingLeader oldLeader(std::move(listener), "the old one", NamingLeader::After::kKeep);
    std::vector<UniqueFd> open(kHalf);
    for (UniqueFd& client : open) {
        client = proxy->client();
        ASSERT_EQ("the old one", readSoon(client, 11).bytes);
    }

    std::vector<UniqueFd> arriving;
    const auto arrive = [&](std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) arriving.push_back(proxy->client());
    };
    proxy->nobodyLeads();
    ASSERT_TRUE(proxy->process->waitForErrors("nobody leads: holding clients"));
    arrive(kHalf / 4);
    for (const UniqueFd& client : open) EXPECT_EQ(ECONNRESET, readSoon(client).error);
    const std::string next = loopback(3);
    proxy->leaderIs(next);
    ASSERT_TRUE(proxy->process->waitForErrors("forwarding to web-app-1 at " + next));
    arrive(kHalf / 4);
    ASSERT_TRUE(proxy->process->waitForErrors("cannot reach leader " + next)) << "it does not listen yet";
    arrive(kHalf / 4);
    UniqueFd nextListener = listenOn(next, target);
    ASSERT_TRUE(nextListener);
    const NamingLeader nextLeader(std::move(nextListener), "the new one");
    arrive(kHalf / 4);

    for (const UniqueFd& client : arriving) {
        ASSERT_TRUE(client) << "refused";
        EXPECT_EQ("the new one", readSoon(client).bytes);
    }
    EXPECT_EQ(kHalf, nextLeader.clients());
    EXPECT_EQ(kHalf, oldLeader.clients());
}

TEST_F(ProxiedWithOptions, FromOneLeaderToTheNextClientsThatKeepComingAreAnsweredByWhoeverLeads) {
    start({"--hold", "60s"});
    const std::string next = loopback(3);
    UniqueFd nextListener = listenOn(next, portOf(listener.get()));
    ASSERT_TRUE(nextListener);
    const NamingLeader oldLeader(std::move(listener), "the old one");
    const NamingLeader nextLeader(std::move(nextListener), "the new one");
    std::atomic<bool> changed = false;
    std::vector<std::string> strange;
    std::thread clients([&] {
        for (int late = 0; late < 200 && strange.empty();) {
            const bool afterTheChange = changed;
            const UniqueFd client = proxy->client();
            const std::string name = client ? readSoon(client).bytes : "refused";
            late += afterTheChange ? 1 : 0;
            if (!client || (afterTheChange && name != "the new one")) strange.push_back(name);
        }
    });
    EXPECT_TRUE(eventually([&] { return oldLeader.clients() >= 20; }));
    proxy->leaderIs(next);
    EXPECT_TRUE(proxy->process->waitForErrors("forwarding to web-app-1 at " + next));
    changed = true;
    clients.join();
    EXPECT_EQ(std::vector<std::string>(), strange);
}

}  // namespace
}  // namespace leader::test
