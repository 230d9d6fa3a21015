// --status-address: what run and proxy serve over HTTP, and that nobody who asks can hold them up.

#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e/proxy_rig.h"
#include "tests/e2e/status_rig.h"
#include "tests/support/sanitizer.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> withStatus(std::vector<std::string> options = {}) {
    options.insert(options.end(), kServeStatus.begin(), kServeStatus.end());
    return options;
}

std::size_t entries(const Process& process, const std::string& directory) {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(process.pid()) + "/" + directory);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST(StatusServer, ALeaderIsOneOnceItsCommandRuns) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url(), withStatus()));
    const auto port = statusPort(process);
    ASSERT_NE(0, port) << process.errors();
    EXPECT_TRUE(answers(port, "/leader", 200));
    for (const std::string path : {"/", "/primary", "/readiness", "/liveness", "/health", "/metrics"})
        EXPECT_EQ(200, ask(port, path).code) << path;
    for (const std::string path : {"/follower", "/replica"}) EXPECT_EQ(503, ask(port, path).code) << path;
    const auto object = parseJson(ask(port, "/").body);
    EXPECT_EQ("web-app-1", object->getValue<std::string>("name"));
    EXPECT_EQ("running", object->getObject("command")->getValue<std::string>("state"));
    EXPECT_EQ(descendants(process.pid()).at(0), object->getObject("command")->getValue<int>("pid"));
    EXPECT_TRUE(object->isNull("proxy"));
}

TEST(StatusServer, ALeaderWhoseCommandIsBeingStoppedIsNoneAnyMore) {
    MetadataServer server(service(2, 1).answers());
    Process process(
        runScript(server.url(), withStatus({"--grace-period", "10m"}), "trap 'echo told' TERM; " + kStay));
    const auto port = statusPort(process);
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    ASSERT_TRUE(answers(port, "/leader", 200));
    process.signal(SIGTERM);
    ASSERT_TRUE(process.waitForOutput("^told$"));
    EXPECT_TRUE(answers(port, "/leader", 503));
    EXPECT_TRUE(answers(port, "/health", 503));
    EXPECT_EQ("stopping",
              parseJson(ask(port, "/").body)->getObject("command")->getValue<std::string>("state"));
}

TEST(StatusServer, TellsOfAnEngineThatDoesNotAnswerForAsLongAsItDoesNot) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url(), withStatus()));
    const auto port = statusPort(process);
    ASSERT_TRUE(answers(port, "/leader", 200));
    EXPECT_EQ(1, metric(port, "leader_engine_up"));
    EXPECT_TRUE(parseJson(ask(port, "/").body)->isNull("error"));
    server.stop();
    EXPECT_TRUE(eventually([&] { return metric(port, "leader_engine_up") == 0; }));
    EXPECT_LE(1, metric(port, "leader_engine_errors_total").value_or(0));
    EXPECT_FALSE(parseJson(ask(port, "/").body)->isNull("error"));
    EXPECT_EQ(200, ask(port, "/leader").code);
    server.start();
    EXPECT_TRUE(eventually([&] { return metric(port, "leader_engine_up") == 1; }, 20s));
    EXPECT_TRUE(parseJson(ask(port, "/").body)->isNull("error"));
}

TEST(StatusServer, TheCommandsStartStaysWhenItWas) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url(), withStatus()));
    const auto port = statusPort(process);
    ASSERT_TRUE(answers(port, "/leader", 200));
    const auto started = [&] { return metric(port, "leader_command_start_time_seconds").value_or(0); };
    const double first = started();
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    EXPECT_NEAR(now, first, 60);
    for (int i = 0; i < 500; ++i) ASSERT_EQ(first, started()) << "changes() of it counts restarts";
}

TEST(StatusServer, ALeaderThatSettlesIsNotOneYet) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url(), withStatus({"--settle", "1h"})));
    const auto port = statusPort(process);
    ASSERT_TRUE(answers(port, "/readiness", 200));
    EXPECT_EQ(503, ask(port, "/leader").code);
    EXPECT_EQ(503, ask(port, "/health").code);
    EXPECT_EQ("leader; command settling\n", ask(port, "/leader").body);
}

TEST(StatusServer, AMemberThatHearsNothingIsNotReadyButLives) {
    MetadataServer server(service(2, 1).answers());
    server.stop();
    Process process(run(server.url(), withStatus()));
    const auto port = statusPort(process);
    ASSERT_NE(0, port);
    for (const std::string path : {"/leader", "/replica", "/readiness", "/health"})
        EXPECT_EQ(503, ask(port, path).code) << path;
    EXPECT_EQ(200, ask(port, "/liveness").code);
    EXPECT_EQ("unknown", parseJson(ask(port, "/").body)->getValue<std::string>("role"));
    ASSERT_TRUE(eventually([&] { return metric(port, "leader_engine_errors_total").value_or(0) >= 1; }));
    server.start();
    EXPECT_TRUE(answers(port, "/leader", 200));
    EXPECT_EQ(1, metric(port, "leader_engine_up"));
}

TEST(StatusServer, FollowsTheMemberThroughLosingAndWinning) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url(), withStatus()));
    const auto port = statusPort(process);
    ASSERT_TRUE(answers(port, "/leader", 200));
    server.reload(service(2, 2).answers());
    ASSERT_TRUE(answers(port, "/replica", 200));
    EXPECT_EQ(503, ask(port, "/leader").code);
    EXPECT_EQ(200, ask(port, "/health").code);
    ASSERT_TRUE(eventually(
        [&] { return ask(port, "/leader").body == "follower: web-app-1 leads; command waiting\n"; }));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    server.reload(service(2, 1).answers());
    ASSERT_TRUE(answers(port, "/leader", 200));
    EXPECT_EQ(2, metric(port, "leader_role_transitions_total{role=\"leader\"}"));
    EXPECT_EQ(1, metric(port, "leader_role_transitions_total{role=\"follower\"}"));
    EXPECT_EQ(1, metric(port, "leader_command_restarts_total"));
    EXPECT_EQ(1, metric(port, "leader_command_exits_total{code=\"143\"}"));
    EXPECT_LT(0, metric(port, "leader_engine_latency_seconds_count").value_or(0));
    EXPECT_EQ(1, parseJson(ask(port, "/").body)->getObject("command")->getValue<int>("restarts"));
}

TEST(StatusServer, OldDataMakesTheRoleUnknown) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url(), withStatus({"--max-stale", "2s"})));
    const auto port = statusPort(process);
    ASSERT_TRUE(answers(port, "/leader", 200));
    server.stop();
    ASSERT_TRUE(answers(port, "/readiness", 503));
    EXPECT_EQ(503, ask(port, "/leader").code);
    const auto object = parseJson(ask(port, "/").body);
    EXPECT_EQ("the engine has not answered for 2s", object->getValue<std::string>("reason"));
    EXPECT_TRUE(object->isNull("leader"));
    EXPECT_EQ(2U, object->getArray("candidates")->size());
}

TEST(StatusServer, OfAProxyCountsWhatItForwards) {
    const UniqueFd listener = listenOn(loopback(1));
    ProxyProcess proxy(portOf(listener.get()), kServeStatus);
    const auto port = statusPort(*proxy.process);
    ASSERT_TRUE(answers(port, "/health", 200));
    EXPECT_EQ(200, ask(port, "/readiness").code);
    EXPECT_EQ(503, ask(port, "/replica").code) << "it is none of the members";
    EXPECT_EQ(503, ask(port, "/leader").code);
    const UniqueFd client = proxy.client();
    const UniqueFd atLeader = acceptSoon(listener);
    ASSERT_TRUE(sendAll(client, "question"));
    ASSERT_EQ("question", readSoon(atLeader, 8).bytes);
    ASSERT_TRUE(sendAll(atLeader, "yes"));
    ASSERT_EQ("yes", readSoon(client, 3).bytes);
    const auto object = parseJson(ask(port, "/").body);
    EXPECT_TRUE(object->isNull("command"));
    const auto figures = object->getObject("proxy");
    EXPECT_EQ(1, figures->getValue<int>("connections"));
    EXPECT_EQ(1, figures->getValue<int>("open"));
    EXPECT_EQ(8, figures->getValue<int>("bytes_to_leader"));
    EXPECT_EQ(3, figures->getValue<int>("bytes_from_leader"));
    EXPECT_TRUE(figures->getArray("ports")->getObject(0)->getValue<bool>("listening"));
    EXPECT_EQ(8, metric(port, "leader_proxy_bytes_total{direction=\"to_leader\"}"));
    EXPECT_EQ(1, metric(port, "leader_proxy_open_connections"));
}

TEST(StatusServer, OtherPathsAre404AndOtherMethods405) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url(), withStatus()));
    const auto port = statusPort(process);
    EXPECT_EQ(404, ask(port, "/restart").code);
    for (const std::string method : {"POST", "PUT", "DELETE", "PATCH"})
        EXPECT_EQ(405, ask(port, "/leader", method).code) << method;
    EXPECT_EQ("", ask(port, "/leader", "HEAD").body);
}

TEST(StatusServer, APortThatIsTakenIsAnErrorThatNamesIt) {
    const UniqueFd taken = listenOn("127.0.0.1");
    const std::string port = std::to_string(portOf(taken.get()));
    MetadataServer server(service(2, 1).answers());
    const auto ended = runToEnd(run(
        server.url(), {"--status-address", "127.0.0.1:" + port, "--log-level", "warning"}, {"echo", "ran"}));
    EXPECT_EQ(70, ended.code);
    EXPECT_EQ("", ended.output);
    EXPECT_TRUE(oneLine(ended.errors, "--status-address.*" + port));
}

TEST(StatusServer, ListensWhereItIsToldTo) {
    MetadataServer server(service(2, 1).answers());
    for (const std::string host : {"", "*", "localhost", "127.0.0.1", "0.0.0.0"}) {
        Process process(run(server.url(), {"--status-address", host + ":0"}));
        EXPECT_TRUE(answers(statusPort(process), "/liveness", 200)) << host << process.errors();
    }
}

TEST(StatusServer, ListensOnIPv6AndOnItsWildcard) {
    MetadataServer server(service(2, 1).answers());
    for (const std::string host : {"[::1]", "[::]"}) {
        Process process(run(server.url(), {"--status-address", host + ":0"}));
        ASSERT_NE(0, statusPort(process)) << host << ": " << process.errors();
        const std::string port = std::to_string(statusPort(process));
        EXPECT_EQ(1, countLines(process.errors(), "status at http://\\[::1?\\]:" + port + "/$"));
        Poco::Net::HTTPClientSession session("::1", statusPort(process));
        Poco::Net::HTTPRequest request("GET", "/liveness");
        session.sendRequest(request);
        Poco::Net::HTTPResponse response;
        session.receiveResponse(response);
        EXPECT_EQ(200, response.getStatus());
    }
}

TEST(StatusServer, HasNoThreadsWhereItIsNotAskedFor) {
    MetadataServer server(service(2, 1).answers());
    Process without(run(server.url()));
    Process with(run(server.url(), withStatus()));
    ASSERT_TRUE(without.waitForOutput("^started 1$"));
    ASSERT_TRUE(answers(statusPort(with), "/leader", 200));
    constexpr auto kThreads = static_cast<std::size_t>(2 + kRuntimesThreads);
    EXPECT_EQ(kThreads, entries(without, "task"));
    EXPECT_LT(kThreads, entries(with, "task"));
}

TEST(StatusServer, TheCommandInheritsNothingOfIt) {
    MetadataServer server(service(2, 1).answers());
    Process process(runScript(server.url(), withStatus({"--settle", "300ms"}), "ls /proc/$$/fd; " + kStay));
    const UniqueFd open = connectTo("127.0.0.1", statusPort(process));
    ASSERT_TRUE(process.waitForOutput("started"));
    std::istringstream lines(process.output());
    for (std::string line; std::getline(lines, line) && line != "started 1";) EXPECT_GT(3, std::stoi(line));
    const auto command = descendants(process.pid()).at(0);
    EXPECT_EQ(
        1,
        countLines(
            runToEnd({.command = {"grep", "SigBlk", "/proc/" + std::to_string(command) + "/status"}}).output,
            "0000000000000000"));
}

TEST(StatusServer, AHostileCrowdHoldsUpNeitherElectionNorCommandNorProxy) {
    Environment environment = service(2, 2);
    environment.container("web-app-1").address = loopback(1);
    MetadataServer server(environment.answers());
    const UniqueFd leader = listenOn(loopback(1));
    const std::uint16_t target = portOf(leader.get());
    const std::uint16_t listen = freePort(loopback(2));
    Process process(runScript(server.url(),
                              withStatus({"--proxy-bind", loopback(2), "--proxy-tcp-port",
                                          std::to_string(listen) + ":" + std::to_string(target)}),
                              "trap 'echo stopped; exit 0' TERM; " + kStay));
    const auto port = statusPort(process);
    ASSERT_TRUE(answers(port, "/replica", 200));
    std::vector<UniqueFd> crowd;
    for (int i = 0; i < 1000; ++i) {
        crowd.push_back(connectTo("127.0.0.1", port));
        const std::string text = i % 3 == 0   ? "GET / HTTP/1.1\r\nX: "
                                 : i % 3 == 1 ? "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
                                              : std::string(9000, 'x');
        send(crowd.back().get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    const UniqueFd client = connectTo(loopback(2), listen);
    const UniqueFd atLeader = acceptSoon(leader);
    ASSERT_TRUE(sendAll(client, "through"));
    EXPECT_EQ("through", readSoon(atLeader, 7).bytes);
    server.reload(environment.remove("web-app-1").answers());
    ASSERT_TRUE(process.waitForOutput("^started 2$")) << process.errors();
    EXPECT_TRUE(answers(port, "/leader", 200)) << "among the crowd";
    EXPECT_GE(64 + 64U, entries(process, "task"));
    process.signal(SIGTERM);
    EXPECT_EQ(0, process.exitCode());
}

TEST(StatusServer, BadAddressesAndExecAreRefused) {
    for (const std::string address :
         {"8008", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 80",
          "127.0.0.1:+80", "[::1:80", "no.such.host.invalid:80"}) {
        const auto ended = runToEnd(leader({"run", "--status-address", address, "true"}));
        EXPECT_EQ(2, ended.code) << address;
        EXPECT_TRUE(oneLine(ended.errors, "status-address")) << address;
    }
    const auto ended = runToEnd(leader({"run", "--exec", "--status-address", ":0", "true"}));
    EXPECT_EQ(2, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "--exec.*status"));
}

TEST(Log, IsOneLineAnEvent) {
    Environment environment = service(2, 1);
    MetadataServer server(environment.answers());
    const std::uint16_t port = freePort(loopback(1));
    Process process(
        run(server.url(), {"--proxy-bind", loopback(1), "--proxy-tcp-port", std::to_string(port)}));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    environment.container("web-app-1").state = std::string("stopping");
    server.reload(environment.answers());
    ASSERT_TRUE(process.waitForErrors("waiting to lead again"));
    ASSERT_TRUE(eventually([&] { return countLines(process.errors(), "listening on port") == 3; }));
    for (const std::string line :
         {"leader in web/app as web-app-1, create index 1$", "no longer listening on port \\d+$",
          "command 'sh' started with PID \\d+, term 1$",
          "follower in web/app: web-app-2 leads; before: web-app-1, which is stopping$",
          "standing down: web-app-2 leads; ", "command was ended by signal TERM$"})
        EXPECT_EQ(1, countLines(process.errors(), line)) << line << " in\n" << process.errors();
    // Nothing changes, and nothing is said.
    const auto before = process.errors();
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    server.reload(environment.answers());
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    EXPECT_EQ(before, process.errors());
}

TEST(Log, SaysThatTheRoleIsNoMoreKnownAndThatItIsAgain) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url(), {"--max-stale", "2s"}));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    server.stop();
    ASSERT_TRUE(process.waitForErrors("nothing of the command is left"));
    EXPECT_EQ(1, countLines(process.errors(), "unknown in web/app: the engine has not answered for 2s$"))
        << process.errors();
    server.start();
    ASSERT_TRUE(process.waitForErrors("command 'sh' started(.|\n)*command 'sh' started", 20s));
    EXPECT_EQ(2, countLines(process.errors(), "leader in web/app as web-app-1")) << process.errors();
}

TEST(Log, AsJsonIsAnObjectALine) {
    MetadataServer server(service(1, 1).answers());
    const auto ended = runToEnd(run(server.url(), withStatus({"--log-format", "json"}), {"true"}));
    EXPECT_EQ(0, ended.code);
    std::istringstream lines(ended.errors);
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count)
        EXPECT_EQ("leader-run", parseJson(line)->getValue<std::string>("program")) << line;
    EXPECT_LE(4, count) << ended.errors;

    const UniqueFd taken = listenOn("127.0.0.1");
    const auto failed = runToEnd(run(server.url(), {"--log-format", "json", "--status-address",
                                                    "127.0.0.1:" + std::to_string(portOf(taken.get()))}));
    EXPECT_EQ(70, failed.code);
    EXPECT_TRUE(oneLine(failed.errors, "cannot listen"));
    EXPECT_EQ("error", parseJson(failed.errors)->getValue<std::string>("level")) << failed.errors;
}

}  // namespace
}  // namespace leader::test
