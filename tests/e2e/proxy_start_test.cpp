// How a proxy comes to its ports and to its leader: the words, the members, the engines.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <fstream>

#include "tests/e2e/proxy_rig.h"
#include "tests/support/network_namespaces.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

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

    Process::Options member(const std::vector<std::string>& ports) const {
        std::vector<std::string> options = {"--self", "web-app-2", "--proxy-bind", loopback(2)};
        for (const std::string& port : ports) options.insert(options.end(), {"--proxy-tcp-port", port});
        return test::run("file:" + directory_ / "answers.json", options);
    }
    void start(const std::string& port) { process_ = std::make_unique<Process>(member({port})); }

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

TEST_F(RunWithProxy, WhoeverWaitsWhenTheCommandReplacesItIsReset) {
    const std::uint16_t port = freePort(loopback(2));
    memberWaits(true);
    auto options = member({std::to_string(port)});
    options.command.insert(options.command.begin() + 2, {"--exec", "--hold", "10m"});
    process_ = std::make_unique<Process>(options);
    ASSERT_TRUE(process_->waitForErrors("cannot reach leader|web-app-1 leads"));
    const UniqueFd client = connectTo(loopback(2), port);
    ASSERT_TRUE(client);
    memberWaits(false);
    ASSERT_TRUE(process_->waitForOutput("started 2"));
    EXPECT_EQ(ECONNRESET, readSoon(client).error);
}

TEST_F(RunWithProxy, MayOpenAllTheDescriptorsThereAreAndItsCommandWhatItWasGiven) {
    memberWaits(false);
    const std::string word = std::to_string(freePort(loopback(2))) + ":80";
    auto options = test::run("file:" + directory_ / "answers.json",
                             {"--self", "web-app-2", "--proxy-bind", loopback(2), "--proxy-tcp-port", word},
                             {"sh", "-c", "echo limit $(ulimit -S -n); exec cat >/dev/null"});
    const std::vector<std::string> limited = {"sh", "-c", R"(ulimit -S -n 256; exec "$@")", "sh"};
    options.command.insert(options.command.begin(), limited.begin(), limited.end());
    process_ = std::make_unique<Process>(options);
    EXPECT_TRUE(process_->waitForOutput("^limit 256$")) << process_->output();
    rlimit limit{};
    ASSERT_EQ(0, prlimit(process_->pid(), RLIMIT_NOFILE, nullptr, &limit));
    EXPECT_EQ(limit.rlim_max, limit.rlim_cur);
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

/// Two ports, and whether a client of each reaches the leader's port that it stands for.
class ManyPorts : public RunWithProxy {
  protected:
    static std::array<std::uint16_t, 2> twoFreePorts() {
        const UniqueFd one = listenOn(loopback(2));
        const UniqueFd other = listenOn(loopback(2));
        return {portOf(one.get()), portOf(other.get())};
    }
    std::string word(int i) const {
        return std::to_string(ports_.at(i)) + ":" + std::to_string(portOf(leaders_.at(i).get()));
    }
    void expectBothForwarded() const {
        for (int i = 0; i < 2; ++i) {
            UniqueFd client;
            ASSERT_TRUE(
                eventually([&] { return static_cast<bool>(client = connectTo(loopback(2), ports_[i])); }));
            const std::string text = "for port " + std::to_string(i);
            ASSERT_TRUE(sendAll(client, text));
            EXPECT_EQ(text, readSoon(acceptSoon(leaders_[i]), text.size()).bytes);
        }
    }

    std::array<UniqueFd, 2> leaders_{listenOn(loopback(1)), listenOn(loopback(1))};
    std::array<std::uint16_t, 2> ports_ = twoFreePorts();
};

TEST_F(ManyPorts, AreForwardedByAMemberThatWaits) {
    memberWaits(true);
    process_ = std::make_unique<Process>(member({word(0), word(1)}));
    expectBothForwarded();
}

TEST_F(ManyPorts, MayComeFromTheEnvironmentWithACommaBetween) {
    memberWaits(true);
    auto options = member({});
    options.environment["LEADER_PROXY_TCP_PORT"] = word(0) + "," + word(1);
    process_ = std::make_unique<Process>(options);
    expectBothForwarded();
}

TEST_F(ManyPorts, AreForwardedByAProxyOnItsOwnByWhateverNameItIsCalled) {
    memberWaits(true);
    const std::vector<std::string> words = {"--engine",     "file:" + directory_ / "answers.json",
                                            "--service",    "web/app",
                                            "--proxy-bind", loopback(2),
                                            word(0),        word(1)};
    for (const std::string name : {"proxy", "leader-proxy", ""}) {
        Process::Options options{.command = {leaderBinary()}};
        if (name.empty()) options.name = "/usr/bin/leader-proxy";
        if (!name.empty()) options.command.push_back(name);
        options.command.insert(options.command.end(), words.begin(), words.end());
        Process process(options);
        ASSERT_TRUE(process.waitForErrors("leader-proxy: forwarding to web-app-1")) << process.errors();
        expectBothForwarded();
        process.signal(SIGTERM);
        EXPECT_EQ(128 + SIGTERM, process.exitCode());
    }
}

TEST_F(RunWithProxy, APortThatThisUserMayNotListenOnIsOneErrorAndNothingStarts) {
    if (const auto why = NetworkNamespaces::unavailable()) GTEST_SKIP() << *why;
    ::chmod((directory_ / "").c_str(), 0755);
    memberWaits(false);
    const std::string engine = "file:" + directory_ / "answers.json";
    for (auto options : {leader({"proxy", "--service", "web/app", "80"}, engine),
                         test::run(engine, {"--self", "web-app-2", "--proxy-tcp-port", "80"})}) {
        const std::string user = std::to_string(100000 + getpid());
        const std::vector<std::string> unprivileged = {"unshare", "--net", "setpriv",
                                                       "--reuid", user,    "--clear-groups"};
        options.command.insert(options.command.begin(), unprivileged.begin(), unprivileged.end());
        const auto ended = runToEnd(options);
        EXPECT_EQ(70, ended.code);
        EXPECT_TRUE(oneLine(ended.errors, "cannot listen on port 80: Permission denied"));
        EXPECT_EQ("", ended.output);
    }
}

TEST(ProxyOfAServer, FollowsTheLeaderThatTheMetadataNames) {
    const UniqueFd first = listenOn(loopback(1));
    const UniqueFd second = listenOn(loopback(3), portOf(first.get()));
    ASSERT_TRUE(second);
    Environment environment = service(2, 0);
    environment.container("web-app-1").address = loopback(1);
    environment.container("web-app-2").address = loopback(3);
    MetadataServer server(environment.answers());
    const std::uint16_t port = freePort(loopback(2));
    Process process(leader({"proxy", "--service", "web/app", "--proxy-bind", loopback(2),
                            std::to_string(port) + ":" + std::to_string(portOf(first.get()))},
                           server.url()));
    ASSERT_TRUE(process.waitForErrors("forwarding to web-app-1 at " + loopback(1))) << process.errors();
    const UniqueFd early = connectTo(loopback(2), port);
    ASSERT_TRUE(sendAll(early, "early"));
    const UniqueFd earlyLeader = acceptSoon(first);
    EXPECT_EQ("early", readSoon(earlyLeader, 5).bytes);

    server.reload(environment.remove("web-app-1").answers());
    ASSERT_TRUE(process.waitForErrors("forwarding to web-app-2 at " + loopback(3))) << process.errors();
    EXPECT_EQ(ECONNRESET, readSoon(early).error);
    const UniqueFd late = connectTo(loopback(2), port);
    ASSERT_TRUE(sendAll(late, "late"));
    const UniqueFd lateLeader = acceptSoon(second);
    EXPECT_EQ("late", readSoon(lateLeader, 4).bytes);

    // While the server is gone it is not known who leads, and no reason to drop anybody.
    server.stop();
    ASSERT_TRUE(process.waitForErrors("cannot tell who leads"));
    ASSERT_TRUE(sendAll(late, "more"));
    EXPECT_EQ("more", readSoon(lateLeader, 4).bytes);
    const UniqueFd later = connectTo(loopback(2), port);
    ASSERT_TRUE(sendAll(later, "later"));
    EXPECT_EQ("later", readSoon(acceptSoon(second), 5).bytes);
}

TEST(ProxyOfAServer, HoldsClientsAndCutsNobodyOnceWhatAMemberKnowsIsTooOld) {
    const UniqueFd leader = listenOn(loopback(1));
    Environment environment = service(2, 0);
    environment.container("web-app-1").address = loopback(1);
    MetadataServer server(environment.answers());
    const std::uint16_t port = freePort(loopback(2));
    const std::string word = std::to_string(port) + ":" + std::to_string(portOf(leader.get()));
    Process process(run(server.url(), {"--self", "web-app-2", "--proxy-bind", loopback(2), "--proxy-tcp-port",
                                       word, "--hold", "300ms", "--max-stale", "2s"}));
    ASSERT_TRUE(process.waitForErrors("web-app-1 leads")) << process.errors();
    const UniqueFd early = connectTo(loopback(2), port);
    const UniqueFd earlyLeader = acceptSoon(leader);
    ASSERT_TRUE(earlyLeader);

    server.stop();
    ASSERT_TRUE(process.waitForErrors("the engine has not answered for 2s")) << process.errors();
    EXPECT_EQ(ECONNRESET, readSoon(connectTo(loopback(2), port)).error);
    EXPECT_FALSE(acceptFrom(leader));
    ASSERT_TRUE(sendAll(early, "still there"));
    EXPECT_EQ("still there", readSoon(earlyLeader, 11).bytes);
}

// In a network namespace whose only ephemeral port is the target, every connection to that is one to itself.
TEST(ProxyToItsOwnHost, ASocketThatTcpConnectsToItselfIsNoLeader) {
    if (const auto why = NetworkNamespaces::unavailable()) GTEST_SKIP() << *why;
    const NetworkNamespaces network(1);
    const int inside = network.member(0).networkNamespace.get();
    constexpr std::uint16_t kTarget = 40000;
    constexpr std::uint16_t kPort = 30000;
    const Loopback target("127.0.0.1", kTarget);
    insideNamespace(inside, [&] {
        std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << kTarget << " " << kTarget;
        const UniqueFd itself(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(0, connect(itself.get(), target.get(), target.size)) << "TCP does not do it here";
        ASSERT_EQ(kTarget, portOf(itself.get()));
        resetOnClose(itself);
    });

    const TemporaryDirectory directory;
    Environment environment = service(1, 0);
    environment.container("web-app-1").address = "127.0.0.1";
    saveAnswers(environment.answers(), directory / "answers.json");
    auto options = leader({"proxy", "--service", "web/app", "--proxy-bind", "127.0.0.1", "--hold", "2s",
                           std::to_string(kPort) + ":" + std::to_string(kTarget)},
                          "file:" + (directory / "answers.json"));
    options.networkNamespace = inside;
    Process process(options);
    ASSERT_TRUE(process.waitForErrors("forwarding to")) << process.errors();
    UniqueFd client;
    insideNamespace(inside, [&] {
        // From a port outside the range, which would otherwise be in use.
        client.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const Loopback from("127.0.0.1", kPort - 1);
        const Loopback to("127.0.0.1", kPort);
        ASSERT_EQ(0, bind(client.get(), from.get(), from.size));
        ASSERT_EQ(0, connect(client.get(), to.get(), to.size));
        fcntl(client.get(), F_SETFL, O_NONBLOCK);
    });
    ASSERT_TRUE(sendAll(client, "would come back"));
    ASSERT_TRUE(process.waitForErrors("cannot reach leader 127.0.0.1:40000")) << process.errors();
    const Received got = readSoon(client);
    EXPECT_EQ("", got.bytes);
    EXPECT_EQ(ECONNRESET, got.error) << "not held like any other";
}

TEST(ProxyUsage, BadPortsAndOptionsAreNamed) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
        {{}, "no port to forward"},
        {{"http"}, "bad port 'http'"},
        {{"0"}, "bad port '0'"},
        {{"80", "--self", "a"}, "the option --self has to stand before the ports"},
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
    EXPECT_TRUE(oneLine(exec.errors, "--exec .*--proxy-tcp-port 8080:80 .*leave one of them out"));
}

}  // namespace
}  // namespace leader::test
