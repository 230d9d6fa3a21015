#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <numeric>

#include "tests/e2e/proxy_rig.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

/// The bytes of a transfer: this block again and again. Its length is a prime, so no buffer's size hides a
/// loss.
std::string patternBlock(char seed) {
    std::string block(1'048'573, '\0');
    std::uint32_t state = static_cast<std::uint32_t>(seed) * 2654435761U + 1;
    for (char& c : block) c = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
    return block;
}

struct Pace {
    std::size_t chunk = std::size_t{256} * 1024;
    std::chrono::microseconds pause{0};
};

/// Sends `total` bytes of the pattern and ends; true where all went out.
bool sendPattern(const UniqueFd& fd, const std::string& block, std::uint64_t total, Pace pace) {
    std::uint64_t sent = 0;
    while (sent < total) {
        const std::size_t at = sent % block.size();
        const std::size_t size =
            std::min({pace.chunk, block.size() - at, static_cast<std::size_t>(total - sent)});
        const ssize_t n = send(fd.get(), block.data() + at, size, MSG_NOSIGNAL);
        if (n > 0)
            sent += static_cast<std::uint64_t>(n);
        else if (errno != EAGAIN || !ready(fd, POLLOUT))
            return false;
        if (pace.pause > 0us) std::this_thread::sleep_for(pace.pause);
    }
    return shutdown(fd.get(), SHUT_WR) == 0;
}

/// Reads to the end; how many bytes came and were right, or nothing.
std::optional<std::uint64_t> readPattern(const UniqueFd& fd, const std::string& block, Pace pace) {
    std::vector<char> buffer(pace.chunk);
    std::uint64_t got = 0;
    for (;;) {
        const std::size_t at = got % block.size();
        const ssize_t n = recv(fd.get(), buffer.data(), std::min(buffer.size(), block.size() - at), 0);
        if (n == 0) return got;
        if (n < 0 && (errno != EAGAIN || !ready(fd, POLLIN))) return {};
        if (n > 0 && std::memcmp(buffer.data(), block.data() + at, static_cast<std::size_t>(n)) != 0)
            return {};
        if (n > 0) got += static_cast<std::uint64_t>(n);
        if (pace.pause > 0us) std::this_thread::sleep_for(pace.pause);
    }
}

struct Proxied : testing::Test {
    UniqueFd listener = listenOn(loopback(1));
    std::optional<ProxyProcess> proxy;

    void SetUp() override { start({}); }
    void start(const std::vector<std::string>& options) { proxy.emplace(portOf(listener.get()), options); }

    void transfer(std::uint64_t total, Pace sending = {}, Pace reading = {}) {
        SCOPED_TRACE(std::to_string(total) + " bytes");
        static const std::string upBlock = patternBlock('u');
        static const std::string downBlock = patternBlock('d');
        const UniqueFd client = proxy->client();
        const UniqueFd leader = acceptSoon(listener);
        ASSERT_TRUE(client && leader);
        bool sentUp = false;
        bool sentDown = false;
        std::optional<std::uint64_t> up;
        std::optional<std::uint64_t> down;
        std::thread threads[] = {
            std::thread([&] { sentUp = sendPattern(client, upBlock, total, sending); }),
            std::thread([&] { sentDown = sendPattern(leader, downBlock, total, sending); }),
            std::thread([&] { up = readPattern(leader, upBlock, reading); }),
            std::thread([&] { down = readPattern(client, downBlock, reading); })};
        for (std::thread& thread : threads) thread.join();
        EXPECT_TRUE(sentUp && sentDown);
        EXPECT_EQ(total, up);
        EXPECT_EQ(total, down);
    }
};

TEST_F(Proxied, CarriesFromOneByteToAGibibyteBothWaysAtOnce) {
    for (const std::uint64_t total : {1ULL, 1000ULL, 16384ULL, 65537ULL, 1ULL << 24, 1ULL << 30})
        transfer(total);
}

TEST_F(Proxied, CarriesEverythingForSlowReadersAndSlowWriters) {
    transfer(2 << 20, {}, {16384, 2000us});
    transfer(1 << 20, {5000, 1000us}, {});
    transfer(1 << 20, {7000, 500us}, {3000, 500us});
}

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
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    constexpr std::size_t kMany = 2000;
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

TEST_F(Proxied, ALeaderThatRefusesAndComesUpWithinTheHoldServesTheClient) {
    const std::uint16_t target = portOf(listener.get());
    listener.reset();
    const UniqueFd client = proxy->client();
    ASSERT_TRUE(sendAll(client, "patient"));
    ASSERT_TRUE(proxy->process->waitForErrors("cannot reach leader"));
    listener = listenOn(loopback(1), target);
    ASSERT_TRUE(listener);
    EXPECT_EQ("patient", readSoon(acceptSoon(listener), 7).bytes);
}

TEST_F(Proxied, TwentyThousandConnectionsLeaveNoDescriptorsBehind) {
    const NamingLeader leader(std::move(listener), "a leader");
    const std::size_t before = proxy->descriptors();
    const auto manyClients = [&] {
        for (int i = 0; i < 10'000; ++i) {
            const UniqueFd client = proxy->client();
            if (i % 7 == 0) resetOnClose(client);
            if (i % 3 == 0) continue;
            ASSERT_EQ("a leader", readSoon(client).bytes);
        }
    };
    std::thread other(manyClients);
    manyClients();
    other.join();
    EXPECT_TRUE(eventually([&] { return proxy->descriptors() == before; })) << proxy->descriptors();
}

TEST_F(Proxied, WithoutDescriptorsItServesWhoIsThereAndTheOthersLater) {
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

struct ProxiedWithOptions : Proxied {
    void SetUp() override {}
};

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

// Two leaders on one port; half of the clients have connected before the change, half come around it.
TEST_F(Proxied, AtAFailoverNobodyIsRefusedAndTheOldLeaderAnswersNobodyAnyMore) {
    constexpr std::size_t kHalf = 200;
    std::vector<UniqueFd> open(kHalf);
    std::vector<UniqueFd> openAtLeader(kHalf);
    for (std::size_t i = 0; i < kHalf; ++i) {
        open[i] = proxy->client();
        openAtLeader[i] = acceptSoon(listener);
        ASSERT_TRUE(openAtLeader[i]);
    }
    const std::uint16_t target = portOf(listener.get());
    listener.reset();  // the old leader's command has ended; the new one's begins later
    std::vector<UniqueFd> arriving(kHalf);
    for (std::size_t i = 0; i < kHalf / 2; ++i) arriving[i] = proxy->client();
    const std::string next = loopback(2);
    proxy->leaderIs(next);
    ASSERT_TRUE(proxy->process->waitForErrors("forwarding to web-app-1 at " + next));
    for (const UniqueFd& client : open) EXPECT_EQ(ECONNRESET, readSoon(client).error);
    for (std::size_t i = kHalf / 2; i < kHalf; ++i) arriving[i] = proxy->client();
    UniqueFd nextListener = listenOn(next, target);
    ASSERT_TRUE(nextListener);
    const NamingLeader nextLeader(std::move(nextListener), "the new one");
    for (const UniqueFd& client : arriving) EXPECT_EQ("the new one", readSoon(client).bytes);
}

/// `leader run` of the only member of web/app, or of its second, with a command that listens on its own.
class RunWithProxy : public testing::Test {
  protected:
    void memberWaits(bool waits) {
        Environment environment = service(2, 0);
        environment.container("web-app-1").address = loopback(1);
        environment.container("web-app-2").address = loopback(2);
        if (!waits) environment.remove("web-app-1");
        saveAnswers(environment.answers(), directory_ / "answers.json");
    }

    void start(const std::string& ports) {
        process_ = std::make_unique<Process>(
            test::run("file:" + directory_ / "answers.json",
                      {"--self", "web-app-2", "--proxy-bind", loopback(2), "--proxy-tcp-port", ports}));
    }

    TemporaryDirectory directory_;
    std::unique_ptr<Process> process_;
};

TEST_F(RunWithProxy, ThePortOfTheCommandIsReleasedBeforeItStartsAndTakenAgainAfterIt) {
    const UniqueFd leader = listenOn(loopback(1));
    const std::uint16_t port = portOf(leader.get());
    memberWaits(true);
    start(std::to_string(port));
    const auto isForwarded = [&] {
        const UniqueFd client = connectTo(loopback(2), port);
        return client && sendAll(client, "x") && readSoon(acceptSoon(leader), 1).bytes == "x";
    };
    EXPECT_TRUE(eventually([&] { return static_cast<bool>(connectTo(loopback(2), port)); }));
    while (acceptFrom(leader)) continue;
    memberWaits(false);
    ASSERT_TRUE(process_->waitForOutput("started 2"));
    UniqueFd command = listenOn(loopback(2), port);
    ASSERT_TRUE(command) << "the proxy still has the port";
    command.reset();
    memberWaits(true);
    ASSERT_TRUE(process_->waitForErrors("web-app-1 leads(.|\n)*web-app-1 leads"));
    EXPECT_TRUE(eventually([&] { return static_cast<bool>(connectTo(loopback(2), port)); }));
    while (acceptSoon(leader) && acceptFrom(leader)) continue;
    EXPECT_TRUE(eventually(isForwarded));
}

TEST_F(RunWithProxy, AnotherPortIsListenedOnByTheLeaderToo) {
    const UniqueFd own = listenOn(loopback(2));
    const std::uint16_t listen = freePort(loopback(2));
    memberWaits(false);
    start(std::to_string(listen) + ":" + std::to_string(portOf(own.get())));
    ASSERT_TRUE(process_->waitForOutput("started 2"));
    const UniqueFd client = connectTo(loopback(2), listen);
    ASSERT_TRUE(client);
    EXPECT_TRUE(acceptSoon(own));
}

TEST_F(RunWithProxy, APortInUseEndsItBeforeAnythingElseStarts) {
    const UniqueFd other = listenOn(loopback(2));
    const std::string port = std::to_string(portOf(other.get()));
    memberWaits(false);
    start(port);
    EXPECT_EQ(70, process_->exitCode());
    EXPECT_TRUE(oneLine(process_->errors(), "cannot listen on port " + port)) << process_->errors();
    EXPECT_EQ(0, starts(*process_));
}

TEST(ProxyUsage, BadPortsAndOptionsAreNamed) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{}, "no port to forward"},
        {{"http"}, "bad port 'http'"},
        {{"0"}, "bad port '0'"},
        {{"80", "80:81"}, "port 80 is to be listened on twice"},
        {{"--max-connections", "0", "80"}, "--max-connections: '0' is no whole number"},
        {{"--proxy-bind", "here", "80"}, "--proxy-bind: 'here' is no IP address"},
        {{"--on-change", "wait", "80"}, "'wait' is none of cut, drain"},
        {{"--send-proxy", "v3", "80"}, "'v3' is none of off, v1, v2"},
        {{"--hold", "5", "80"}, "--hold"},
    };
    for (auto [words, message] : cases) {
        words.insert(words.begin(), "proxy");
        const Ended ended = runToEnd(leader(words));
        EXPECT_EQ(2, ended.code) << message;
        EXPECT_TRUE(oneLine(ended.errors, message)) << ended.errors;
    }
    const Ended exec = runToEnd(leader({"run", "--exec", "--proxy-tcp-port", "8080:80", "--", "true"}));
    EXPECT_EQ(2, exec.code);
}

}  // namespace
}  // namespace leader::test
