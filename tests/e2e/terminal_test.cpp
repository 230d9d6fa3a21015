// On a terminal the command behaves as it does without leader: alone, as in a container, and under a shell
// with job control.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kCtrlC = "\x03";
constexpr const char* kCtrlZ = "\x1a";
constexpr const char* kCtrlBackslash = "\x1c";

class OnTerminal : public ::testing::Test {
  protected:
    OnTerminal() { leads(true); }

    void leads(bool leading) const {
        Environment environment = service(2, 0);
        if (leading) environment.remove("web-app-1");
        saveAnswers(environment.answers(), directory_ / "answers.json");
    }

    std::vector<std::string> line(const std::vector<std::string>& command,
                                  const std::string& logLevel = "error") const {
        return run("file:" + directory_ / "answers.json",
                   {"--self", "web-app-2", "--log-level", logLevel, "--grace-period", "60s"}, command)
            .command;
    }

    /// Process 1 of a container leads the terminal's session; nobody could continue it.
    Process::Options alone(const std::vector<std::string>& command,
                           const std::string& logLevel = "error") const {
        return {.command = line(command, logLevel), .onTerminal = true};
    }

    /// Its command, as long as that is its only descendant.
    static pid_t commandOf(const Process& leader) { return descendants(leader.pid()).at(0); }

    TemporaryDirectory directory_;
};

TEST_F(OnTerminal, TheCommandIsTheForegroundGroup) {
    Process leader(alone({initProbe(), "signals", "1"}));
    ASSERT_TRUE(leader.waitForOutput("^ready$")) << leader.output();
    EXPECT_EQ(commandOf(leader), leader.foreground());
    EXPECT_EQ(commandOf(leader), ::getpgid(commandOf(leader)));
    Process asks(alone({initProbe(), "foreground"}));
    EXPECT_EQ(0, asks.exitCode()) << asks.output();
}

TEST_F(OnTerminal, CtrlCReachesTheCommandOnceAndEndsNothingElse) {
    Process leader(alone({initProbe(), "signals", "2"}));
    ASSERT_TRUE(leader.waitForOutput("^ready$")) << leader.output();
    leader.write(kCtrlC);
    ASSERT_TRUE(leader.waitForOutput("^2$"));
    EXPECT_TRUE(leader.running());
    leader.write(kCtrlBackslash);
    EXPECT_EQ(7, leader.exitCode());
    EXPECT_EQ("ready\n2\n3\n", leader.output());
}

TEST_F(OnTerminal, WhenCtrlCEndsTheCommandLeaderEndsWith130) {
    Process leader(alone({"sh", "-c", "echo started; exec cat"}));
    ASSERT_TRUE(leader.waitForOutput("^started$")) << leader.output();
    leader.write(kCtrlC);
    EXPECT_EQ(130, leader.exitCode());
}

TEST_F(OnTerminal, CtrlCEndsAMemberThatWaits) {
    leads(false);
    Process leader(alone(kCommand, "info"));
    ASSERT_TRUE(leader.waitForOutput("follower in web/app")) << leader.output();
    leader.write(kCtrlC);
    EXPECT_EQ(130, leader.exitCode());
    EXPECT_EQ(0, starts(leader));
}

TEST_F(OnTerminal, WhatIsTypedReachesTheCommandAndItsEndOfFileEndsIt) {
    Process leader(alone({"sh", "-c", "echo started; cat; echo end; exit 4"}));
    ASSERT_TRUE(leader.waitForOutput("^started$")) << leader.output();
    leader.write("typed\n");
    ASSERT_TRUE(leader.waitForOutput("^typed$"));
    leader.write("\x04");
    EXPECT_EQ(4, leader.exitCode());
    EXPECT_EQ("started\ntyped\nend\n", leader.output());
}

TEST_F(OnTerminal, AChangeOfTheWindowsSizeReachesTheCommand) {
    Process leader(alone({initProbe(), "signals", "2"}));
    ASSERT_TRUE(leader.waitForOutput("^ready$")) << leader.output();
    leader.resize(50, 132);
    ASSERT_TRUE(leader.waitForOutput("^28$")) << leader.output();
    leader.write(kCtrlC);
    EXPECT_EQ(7, leader.exitCode());
    EXPECT_EQ("ready\n28\n2\n", leader.output());

    Process asks(alone({"sh", "-c", "echo started; read line; stty size"}));
    ASSERT_TRUE(asks.waitForOutput("^started$"));
    asks.resize(50, 132);
    asks.write("\n");
    EXPECT_EQ(0, asks.exitCode());
    EXPECT_EQ("started\n50 132\n", asks.output());
}

TEST_F(OnTerminal, CtrlZWithNobodyAboveWhoCouldContinueItLeavesTheCommandRunning) {
    Process leader(alone({"sh", "-c", "echo started; exec cat"}));
    ASSERT_TRUE(leader.waitForOutput("^started$")) << leader.output();
    leader.write(kCtrlZ);
    leader.write("awake\n");
    EXPECT_TRUE(leader.waitForOutput("^awake$"));
    leader.write(kCtrlC);
    EXPECT_EQ(130, leader.exitCode());
}

TEST_F(OnTerminal, AfterTheCommandsEndTheForegroundIsWhoseItWas) {
    const std::string script =
        R"("$@"; echo "ended $?"; )" + initProbe() + R"( foreground; echo "foreground $?")";
    std::vector<std::string> words = {"sh", "-c", script, "sh"};
    for (const auto& word : line({"sh", "-c", "exit 5"})) words.push_back(word);
    Process shell({.command = words, .onTerminal = true});
    EXPECT_EQ(0, shell.exitCode());
    EXPECT_EQ("ended 5\nforeground 0\n", shell.output());
}

TEST_F(OnTerminal, AfterStandingDownTheForegroundIsLeadersUntilItLeadsAgain) {
    Process leader(alone(kCommand));
    ASSERT_TRUE(leader.waitForOutput("^started 2$")) << leader.output();
    EXPECT_EQ(commandOf(leader), leader.foreground());
    leads(false);
    EXPECT_TRUE(eventually([&] { return leader.foreground() == leader.pid(); }));
    leads(true);
    ASSERT_TRUE(leader.waitForOutput("^started 2\nstarted 2$"));
    EXPECT_EQ(commandOf(leader), leader.foreground());
    leader.write(kCtrlC);
    EXPECT_EQ(130, leader.exitCode());
}

/// Under an interactive shell, which has jobs.
class UnderAShell : public OnTerminal {
  protected:
    void SetUp() override {
        ASSERT_TRUE(shell_.waitForOutput("^shell>$"));
        ASSERT_EQ(shell_.pid(), shell_.foreground());
    }

    /// Types a line that runs the command, as a job of the shell.
    void start(const std::string& command, const std::string& end = "") {
        std::string typed;
        for (const auto& word : line({"sh", "-c", command})) typed += "'" + word + "' ";
        shell_.write(typed + end + "\n");
    }

    bool shellIsBack() {
        return eventually([&] { return shell_.foreground() == shell_.pid(); });
    }
    bool commandIsInForeground() {
        return eventually([&] {
            const auto all = descendants(shell_.pid());
            return all.size() == 2 && shell_.foreground() == all[1];
        });
    }

    Process shell_{{.command = {"bash", "--noprofile", "--norc", "--noediting", "-i"},
                    .environment = {{"PS1", "shell>\n"}, {"TERM", "dumb"}, {"HISTFILE", ""}},
                    .onTerminal = true}};
};

TEST_F(UnderAShell, CtrlCEndsTheCommandAndTheShellIsTold) {
    start("echo started; exec cat");
    ASSERT_TRUE(shell_.waitForOutput("^started$")) << shell_.output();
    EXPECT_TRUE(commandIsInForeground());
    shell_.write(kCtrlC);
    ASSERT_TRUE(shellIsBack());
    shell_.write("echo code $?\n");
    EXPECT_TRUE(shell_.waitForOutput("^code 130$")) << shell_.output();
}

TEST_F(UnderAShell, CtrlZStopsTheJobAndFgContinuesIt) {
    start("echo started; exec cat");
    ASSERT_TRUE(shell_.waitForOutput("^started$")) << shell_.output();
    for (int round = 1; round <= 3; ++round) {
        const std::string number = std::to_string(round);
        ASSERT_TRUE(commandIsInForeground());
        shell_.write(kCtrlZ);
        ASSERT_TRUE(eventually([&] { return countLines(shell_.output(), "Stopped") == round; }))
            << shell_.output();
        ASSERT_TRUE(shellIsBack());
        // The job is stopped as a whole: what is typed is the shell's.
        shell_.write("echo shell has $((41 + " + number + "))\n");
        ASSERT_TRUE(shell_.waitForOutput("^shell has " + std::to_string(41 + round) + "$"));
        shell_.write("fg\n");
        ASSERT_TRUE(commandIsInForeground());
        shell_.write("typed " + number + "\n");
        ASSERT_TRUE(shell_.waitForOutput("^typed " + number + "$")) << shell_.output();
    }
    shell_.write(kCtrlC);
    EXPECT_TRUE(shellIsBack());
}

TEST_F(UnderAShell, BgLetsAStoppedJobRunWithoutTheTerminal) {
    // It waits without forking: a shell whose vfork(2) is under way cannot stop, with leader or without.
    const std::string pipe = directory_ / "pipe";
    ASSERT_EQ(0, ::mkfifo(pipe.c_str(), 0600));
    const UniqueFd end(::open(pipe.c_str(), O_RDWR | O_CLOEXEC));
    start("echo started; read line <" + pipe + "; echo went on");
    ASSERT_TRUE(shell_.waitForOutput("^started$")) << shell_.output();
    shell_.write(kCtrlZ);
    ASSERT_TRUE(shell_.waitForOutput("Stopped")) << shell_.output();
    shell_.write("bg\n");
    ASSERT_EQ(3, ::write(end.get(), "go\n", 3));
    EXPECT_TRUE(shell_.waitForOutput("^went on$")) << shell_.output();
    EXPECT_EQ(shell_.pid(), shell_.foreground());
}

TEST_F(UnderAShell, AReaderInTheBackgroundIsStoppedAndReadsOnceItIsInTheForeground) {
    start("echo started; exec cat", "&");
    ASSERT_TRUE(shell_.waitForOutput("^started$")) << shell_.output();
    EXPECT_EQ(shell_.pid(), shell_.foreground());
    // The shell tells of a stopped job when it is asked.
    ASSERT_TRUE(eventually([&] {
        shell_.write("jobs\n");
        return shell_.waitForOutput("Stopped", 200ms);
    })) << shell_.output();
    shell_.write("fg\n");
    ASSERT_TRUE(commandIsInForeground());
    shell_.write("typed\n");
    EXPECT_TRUE(shell_.waitForOutput("^typed$")) << shell_.output();
    shell_.write(kCtrlC);
    EXPECT_TRUE(shellIsBack());
}

TEST_F(UnderAShell, TheShellGetsTheTerminalBackHoweverTheCommandEnds) {
    const std::vector<std::pair<std::string, std::string>> ends = {
        {"exit 3", "3"}, {"kill -KILL $$", "137"}, {"kill -TERM $PPID; exec cat", "143"}};
    for (const auto& [command, code] : ends) {
        start(command, "; echo code $?");
        ASSERT_TRUE(shell_.waitForOutput("^code " + code + "$")) << shell_.output();
        EXPECT_TRUE(shellIsBack());
    }
}

}  // namespace
}  // namespace leader::test
