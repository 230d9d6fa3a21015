#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

struct Named {
    const char* name;
    int number;
};

void PrintTo(const Named& signal, std::ostream* out) {
    *out << signal.name;
}

class Signals : public ::testing::TestWithParam<Named> {};

TEST_P(Signals, ArePassedOnToTheCommand) {
    MetadataServer server(service(1, 1).answers());
    const std::string name = GetParam().name;
    Process process(
        runScript(server.url(), {}, "trap 'echo got " + name + "; exit 9' " + name + "; " + kStay));
    ASSERT_TRUE(process.waitForOutput("^started"));
    process.signal(GetParam().number);
    EXPECT_EQ(9, process.exitCode());
    EXPECT_EQ("started 1\ngot " + name + "\n", process.output());
}

TEST_P(Signals, EndAMemberThatWaitsAndTheCommandIsNeverStarted) {
    for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--exec"}}) {
        MetadataServer server(service(2, 2).answers());
        Process process(run(server.url(), options));
        ASSERT_TRUE(eventually([&] { return settled(server); }));
        process.signal(GetParam().number);
        server.reload(service(2, 1).answers());
        EXPECT_EQ(128 + GetParam().number, process.exitCode());
        EXPECT_EQ(0, starts(process));
    }
}

INSTANTIATE_TEST_SUITE_P(Passed, Signals,
                         ::testing::Values(Named{"TERM", SIGTERM}, Named{"INT", SIGINT}, Named{"HUP", SIGHUP},
                                           Named{"QUIT", SIGQUIT}, Named{"USR1", SIGUSR1},
                                           Named{"USR2", SIGUSR2}),
                         [](const auto& each) { return each.param.name; });

TEST(Signal, EndsAMemberWhoseServerHangs) {
    MetadataServer server(service(1, 1).answers());
    server.setFault(Fault::hang());
    Process process(run(server.url()));
    ASSERT_TRUE(eventually([&] { return server.requests() > 0; }));
    process.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, process.exitCode(20s));
}

TEST(Signal, EndsAMemberThatWaitsToTryAgain) {
    MetadataServer server(service(1, 1).answers());
    server.stop();
    Process process(run(server.url()));
    ASSERT_TRUE(process.waitForErrors("refused"));
    process.signal(SIGINT);
    EXPECT_EQ(128 + SIGINT, process.exitCode(20s));
}

TEST(Signal, WhileSettlingEndsItWithoutAStart) {
    MetadataServer server(service(1, 1).answers());
    Process process(run(server.url(), {"--settle", "60s"}));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    process.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, process.exitCode(20s));
    EXPECT_EQ(0, starts(process));
}

TEST(Signal, ThatTheCommandSurvivesEndsNothing) {
    MetadataServer server(service(1, 1).answers());
    Process process(runScript(server.url(), {}, "trap 'echo hup' HUP; trap 'exit 4' TERM; " + kStay));
    ASSERT_TRUE(process.waitForOutput("^started"));
    process.signal(SIGHUP);
    ASSERT_TRUE(process.waitForOutput("^hup$"));
    EXPECT_TRUE(process.running());
    process.signal(SIGTERM);
    EXPECT_EQ(4, process.exitCode());
}

TEST(Signal, ForACommandThatDoesNotTrapItIs128AndTheSignal) {
    MetadataServer server(service(1, 1).answers());
    Process process(run(server.url()));
    ASSERT_TRUE(process.waitForOutput("^started"));
    process.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, process.exitCode());
}

TEST(Signal, TheEndOfTheCommandIsNotTheEndOfItsOrphansExitCode) {
    // An orphan that ends later, with another code, is reaped and not mistaken for the command.
    MetadataServer server(service(1, 1).answers());
    Process process(runScript(server.url(), {}, "(sh -c 'echo orphan; exit 3' &); " + kStay + "; exit 8"));
    ASSERT_TRUE(process.waitForOutput("^started"));
    ASSERT_TRUE(process.waitForOutput("^orphan"));
    EXPECT_TRUE(process.running());
    process.closeInput();
    EXPECT_EQ(8, process.exitCode());
}

}  // namespace
}  // namespace leader::test
