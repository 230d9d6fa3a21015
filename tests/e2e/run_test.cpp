#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>

#include "tests/e2e/harness.h"
#include "tests/support/sanitizer.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

TEST(Run, WaitsAndTakesOverWhenItsTurnComes) {
    Environment environment = service(2, 2);
    MetadataServer server(environment.answers());
    Process process(run(server.url()));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    EXPECT_EQ(0, starts(process));
    server.reload(environment.remove("web-app-1").answers());
    EXPECT_TRUE(process.waitForOutput("^started 2$"));
    EXPECT_EQ(1, starts(process));
}

TEST(Run, ChangesThatLeaveTheLeaderAloneLeaveTheCommandAlone) {
    Environment environment = service(2, 1);
    MetadataServer server(environment.answers());
    Process process(run(server.url()));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    const auto command = descendants(process.pid());
    for (int n = 3; n < 6; ++n) {
        ASSERT_TRUE(eventually([&] { return settled(server); }));
        const auto before = server.requests("/2016-07-29/self");
        server.reload(environment.add(Container::number(n)).answers());
        ASSERT_TRUE(eventually([&] { return server.requests("/2016-07-29/self") > before; }));
    }
    EXPECT_EQ(command, descendants(process.pid()));
    EXPECT_EQ(1, starts(process));
}

TEST(Run, PassesTheCommandsExitCodeOn) {
    MetadataServer server(service(1, 1).answers());
    for (const int code : {0, 1, 3, 42, 255}) {
        EXPECT_EQ(code, runToEnd(runScript(server.url(), {}, "exit " + std::to_string(code))).code);
    }
}

TEST(Run, ACommandKilledByASignalIs128AndTheSignal) {
    MetadataServer server(service(1, 1).answers());
    for (const int signal : {SIGKILL, SIGTERM, SIGSEGV}) {
        const auto ended = runToEnd(runScript(server.url(), {}, "kill -" + std::to_string(signal) + " $$"));
        EXPECT_EQ(128 + signal, ended.code);
    }
}

TEST(Run, ACommandThatIsNotFoundIs127AndOneThatCannotBeExecuted126) {
    if (kVforkIsFork) GTEST_SKIP() << kWhyFork;
    MetadataServer server(service(1, 1).answers());
    const TemporaryDirectory directory;
    writeFile(directory / "data", "no program\n");
    writeFile(directory / "orphan", "#!/no/such/interpreter\n");
    ::chmod((directory / "orphan").c_str(), 0755);
    struct Case {
        std::string command;
        int code;
    };
    for (const auto& [command, code] :
         {Case{"/no/such/command", 127}, Case{"no-such-command-anywhere", 127}, Case{directory / "data", 126},
          Case{directory / "", 126}, Case{directory / "orphan", 126}}) {
        for (const std::vector<std::string>& options :
             {std::vector<std::string>{"--log-level", "warning"}, {"--log-level", "warning", "--exec"}}) {
            const auto ended = runToEnd(run(server.url(), options, {command}));
            EXPECT_EQ(code, ended.code) << command;
            EXPECT_TRUE(oneLine(ended.errors, command));
        }
    }
}

TEST(Run, TheCommandFindsItsLeadershipInItsEnvironment) {
    Environment environment = service(3, 1);
    environment.container("web-app-1").createIndex = 17;
    environment.remove("web-app-2").remove("web-app-3");
    MetadataServer server(environment.answers());
    const std::string script =
        "echo $LEADER_GROUP $LEADER_NAME $LEADER_ADDRESS $LEADER_INDEX $LEADER_TERM $HOME_GROWN";
    for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--exec"}}) {
        auto command = runScript(server.url(), options, script);
        command.environment["HOME_GROWN"] = "kept";
        const auto ended = runToEnd(command);
        EXPECT_EQ("web/app web-app-1 127.0.0.1 17 17 kept\n", ended.output) << ended.errors;
    }
}

TEST(Run, EveryOptionHasAnEnvironmentVariable) {
    MetadataServer server(service(2, 1).answers());
    Environment second = service(2, 2);
    auto options = leader({"run", "sh", "-c", "trap 'echo stopped; exit 0' USR1; " + kStay});
    options.environment = {{"LEADER_ENGINE", server.url()},
                           {"LEADER_STOP_SIGNAL", "USR1"},
                           {"LEADER_ON_LOSS", "exit"},
                           {"LEADER_GRACE_PERIOD", "20s"}};
    Process process(options);
    ASSERT_TRUE(process.waitForOutput("^started 1$")) << process.errors();
    server.reload(second.answers());
    EXPECT_EQ(75, process.exitCode());
    EXPECT_EQ(1, countLines(process.output(), "^stopped$"));
}

TEST(Run, TheAncestorsFormRunsTheCommandToo) {
    MetadataServer server(service(2, 1).answers());
    const auto ended = runToEnd(leader({"-engine", server.url(), "sh", "-c", "echo up; exit 5"}));
    EXPECT_EQ(5, ended.code);
    EXPECT_EQ("up\n", ended.output);
    Process byName(
        {.command = {leaderBinary(), "--engine", server.url(), "echo", "by name"}, .name = "leader-run"});
    EXPECT_EQ(0, byName.exitCode());
    EXPECT_EQ("by name\n", byName.output());
}

TEST(Run, StandsDownWhenAnotherLeadsAndTakesOverAgain) {
    MetadataServer server(service(2, 1).answers());
    Process process(runScript(server.url(), {}, "trap 'echo stopped; exit 0' TERM; " + kStay));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    server.reload(service(2, 2).answers());
    ASSERT_TRUE(process.waitForOutput("^stopped$"));
    EXPECT_TRUE(eventually([&] { return descendants(process.pid()).empty(); }));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    EXPECT_TRUE(process.running());
    server.reload(service(2, 1).answers());
    EXPECT_TRUE(process.waitForOutput("^started 1\nstopped\nstarted 1$"));
}

TEST(Run, OnLossExitStopsTheCommandAndExitsWith75) {
    MetadataServer server(service(2, 1).answers());
    Process process(
        runScript(server.url(), {"--on-loss", "exit"}, "trap 'echo stopped; exit 0' TERM; " + kStay));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    server.reload(service(2, 2).answers());
    EXPECT_EQ(75, process.exitCode());
    EXPECT_EQ("started 1\nstopped\n", process.output());
}

TEST(Run, OnLossKeepLetsTheCommandRun) {
    MetadataServer server(service(2, 1).answers());
    Process process(runScript(server.url(), {"--on-loss", "keep"},
                              "trap 'echo stopped' TERM; echo started; read line; exit 6"));
    ASSERT_TRUE(process.waitForOutput("^started"));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    const auto before = server.requests("/2016-07-29/self");
    server.reload(service(2, 2).answers());
    ASSERT_TRUE(eventually([&] { return server.requests("/2016-07-29/self") > before && settled(server); }));
    process.write("enough\n");
    EXPECT_EQ(6, process.exitCode());
    EXPECT_EQ("started\n", process.output());
}

TEST(Run, LosingItselfFromTheMetadataStandsDownOrHoldsButNeverStartsAgain) {
    Environment environment = service(2, 1);
    MetadataServer server(environment.answers());
    Process process(run(server.url()));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    environment.container("web-app-1").hostNetworked = true;
    server.reload(environment.answers());
    ASSERT_TRUE(process.waitForErrors("not known|--self"));
    environment.container("web-app-1").hostNetworked = false;
    const auto before = server.requests("/2016-07-29/self");
    server.reload(environment.answers());
    ASSERT_TRUE(eventually([&] { return server.requests("/2016-07-29/self") > before && settled(server); }));
    EXPECT_TRUE(process.running());
    EXPECT_EQ(1, starts(process)) << process.errors();
}

TEST(Run, TheStopSignalIsTheOneAskedFor) {
    MetadataServer server(service(2, 1).answers());
    for (const std::string signal : {"INT", "SIGQUIT", "10"}) {
        server.reload(service(2, 1).answers());
        Process process(runScript(server.url(),
                                  {"--on-loss", "exit", "--grace-period", "1s", "--stop-signal", signal},
                                  "trap 'echo INT; exit' INT; trap 'echo QUIT; exit' QUIT; "
                                  "trap 'echo USR1; exit' USR1; trap 'echo TERM; exit' TERM; " +
                                      kStay));
        ASSERT_TRUE(process.waitForOutput("^started"));
        server.reload(service(2, 2).answers());
        EXPECT_EQ(75, process.exitCode());
        const std::string expected = signal == "10" ? "USR1" : signal == "INT" ? "INT" : "QUIT";
        EXPECT_EQ("started 1\n" + expected + "\n", process.output());
    }
}

TEST(Run, ACommandThatIgnoresTheStopSignalIsKilledAfterTheGracePeriod) {
    MetadataServer server(service(2, 1).answers());
    Process process(
        runScript(server.url(), {"--on-loss", "exit", "--grace-period", "300ms"}, "trap '' TERM; " + kStay));
    ASSERT_TRUE(process.waitForOutput("^started"));
    const auto command = descendants(process.pid());
    ASSERT_FALSE(command.empty());
    const auto start = std::chrono::steady_clock::now();
    server.reload(service(2, 2).answers());
    EXPECT_EQ(75, process.exitCode());
    EXPECT_GE(std::chrono::steady_clock::now() - start, 300ms);
    for (const auto pid : command) EXPECT_NE(0, ::kill(pid, 0)) << pid << " is left";
}

TEST(Run, NothingIsLeftOfACommandThatIsStopped) {
    // The shell ends at once and leaves a child that ignores the signal.
    MetadataServer server(service(2, 1).answers());
    Process process(
        runScript(server.url(), {"--grace-period", "200ms"},
                  "exec 3<&0; sh -c 'trap \"\" TERM; " + kStay + "' <&3 & trap 'exit 0' TERM; wait"));
    ASSERT_TRUE(process.waitForOutput("^started"));
    server.reload(service(2, 2).answers());
    EXPECT_TRUE(eventually([&] { return descendants(process.pid()).empty(); }));
    EXPECT_TRUE(process.running());
}

TEST(Run, SettleStartsTheCommandOnlyAfterThatLongALead) {
    MetadataServer server(service(2, 1).answers());
    const auto start = std::chrono::steady_clock::now();
    Process process(run(server.url(), {"--settle", "500ms"}));
    ASSERT_TRUE(process.waitForOutput("^started"));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 500ms);
}

TEST(Run, SettleStartsNothingWhenTheLeadIsLostInBetween) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url(), {"--settle", "60s"}));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    server.reload(service(2, 2).answers());
    ASSERT_TRUE(eventually([&] { return server.requests("/2016-07-29/version?wait") >= 2; }));
    process.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, process.exitCode());
    EXPECT_EQ(0, starts(process));
}

TEST(Run, ExecReplacesTheProcess) {
    MetadataServer server(service(2, 1).answers());
    Process process(runScript(server.url(), {"--exec"}, "echo $$; exit 7"));
    EXPECT_EQ(7, process.exitCode());
    EXPECT_EQ(std::to_string(process.pid()) + "\n", process.output());
}

TEST(Run, ExecWaitsForItsTurn) {
    MetadataServer server(service(2, 2).answers());
    Process process(run(server.url(), {"--exec"}));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    EXPECT_EQ(0, starts(process));
    server.reload(service(2, 1).answers());
    EXPECT_TRUE(process.waitForOutput("^started 1$"));
}

TEST(Run, TheCommandInheritsNeitherSignalMaskNorDispositionsNorDescriptors) {
    MetadataServer server(service(2, 1).answers());
    for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--exec"}}) {
        const auto ended =
            runToEnd(run(server.url(), options,
                         {"sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd"}));
        EXPECT_EQ("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0\n1\n2\n3\n", ended.output);
    }
}

TEST(Run, TheHealthOfAnUnhealthyLeaderCountsWhereAskedFor) {
    Environment environment = service(2, 2);
    MetadataServer server(environment.answers());
    Process process(run(server.url(), {"--healthy-only"}));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    EXPECT_EQ(0, starts(process));
    environment.container("web-app-1").health = std::string("unhealthy");
    server.reload(environment.answers());
    EXPECT_TRUE(process.waitForOutput("^started 2$"));
}

}  // namespace
}  // namespace leader::test
