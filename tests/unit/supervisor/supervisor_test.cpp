#include "common/supervisor/supervisor.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/support/sanitizer.h"
#include "tests/unit/supervisor/supervisor_bench.h"

namespace leader {
namespace {

using namespace test;

TEST(Supervisor, EndsWithTheExitCodeOfTheCommand) {
    expectScenario([] {
        SupervisorBench bench(shell("exit 3"));
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.untilEnded());
        REQUIRE_HERE(bench.supervisor.exitCode() == 3 && bench.endedWith == 3);
        return 0;
    });
}

TEST(Supervisor, AnExpectedExitCodeCountsAs0) {
    expectScenario([] {
        SupervisorOptions options = shell("kill -TERM $$");
        options.expectedExits = {128 + SIGTERM};
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.untilEnded());
        REQUIRE_HERE(bench.endedWith == 0);
        // The statistics tell what it was.
        REQUIRE_HERE((bench.supervisor.status().exits == std::map<int, std::uint64_t>{{128 + SIGTERM, 1}}));
        return 0;
    });
}

TEST(Supervisor, SaysAtOnceThatACommandDoesNotExist) {
    expectScenario([] {
        SupervisorOptions options;
        options.command = {"no-such-command"};
        SupervisorBench bench(options);
        const auto error = bench.supervisor.start();
        REQUIRE_HERE(error && error->exitCode == 127);
        return 0;
    });
}

TEST(Supervisor, ACommandThatCannotBeExecutedWhenItsTimeComesEndsWithTheShellsCode) {
    if (kVforkIsFork) GTEST_SKIP() << kWhyFork;
    expectScenario([] {
        const TemporaryDirectory directory;
        const std::string script = directory / "script";
        std::ofstream(script) << "no shebang\n";
        std::filesystem::permissions(script, std::filesystem::perms::owner_all);
        SupervisorOptions options;
        options.command = {script};
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.supervisor.ended() && bench.endedWith == 126);
        return 0;
    });
}

TEST(Supervisor, StandsDownAndStartsAgainUnderANewTerm) {
    const TemporaryDirectory directory;
    const std::string terms = directory / "terms";
    expectScenario([&] {
        SupervisorBench bench(
            shell("trap 'exit 0' TERM; echo $LEADER_TERM >> " + terms + "; while :; do sleep 0.01; done"));
        REQUIRE_HERE(!bench.supervisor.start());
        bench.supervisor.lead({1, {{"LEADER_TERM", "1"}}});
        REQUIRE_HERE(bench.until([&] { return contentOf(terms) == "1\n"; }));
        bench.supervisor.follow("other leads");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        REQUIRE_HERE(bench.stops == 1 && !haveChildren() && bench.supervisor.status().pid == -1);
        bench.supervisor.lead({2, {{"LEADER_TERM", "2"}}});
        REQUIRE_HERE(bench.until([&] { return contentOf(terms) == "1\n2\n"; }));
        bench.supervisor.lead({3, {{"LEADER_TERM", "3"}}});
        REQUIRE_HERE(bench.until([&] { return contentOf(terms) == "1\n2\n3\n"; }));
        REQUIRE_HERE(!bench.overlaps && bench.starts == 3 && bench.supervisor.status().restarts == 2);
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(Supervisor, WhatASurvivorStartsAfterTheStopSignalIsToldToStopToo) {
    const TemporaryDirectory directory;
    const std::string ready = directory / "ready";
    // The survivor answers the signal by starting a process, and ends after that. In a shell the signal could
    // hit the new process while that has the shell's handlers, and be lost.
    const std::string survivor =
        "perl -MPOSIX -e '$term = POSIX::SigSet->new(SIGTERM); sigprocmask(SIG_BLOCK, $term); "
        "open(my $ready, q(>), q(" +
        ready +
        ")); for ($got = POSIX::SigSet->new; !$got->ismember(SIGTERM); sigpending($got)) "
        "{ select(undef, undef, undef, 0.005) } "
        "if (fork == 0) { sigprocmask(SIG_UNBLOCK, $term); sleep 1000 } wait'";
    expectScenario([&] {
        SupervisorOptions options = shell(survivor + " & exec sleep 1000");
        options.gracePeriod = seconds(600);
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.untilExists(ready));
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(Supervisor, WhatASurvivorStartsInTheGroupThatHasHadTheStopSignalIsToldToo) {
    const TemporaryDirectory directory;
    const std::string up = directory / "up";
    const std::string go = directory / "go";
    expectScenario([&] {
        SupervisorOptions options = shell("(trap : TERM; touch " + up + "; until test -e " + go +
                                          "; do sleep 0.01; done; sleep 1000) & exec sleep 1000");
        options.gracePeriod = seconds(600);
        options.signalGroup = true;
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.untilExists(up));
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.until([&] { return bench.supervisor.status().pid < 0; }));
        std::ofstream(go).close();
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(Supervisor, WhatHasHadTheStopSignalWithTheGroupIsNotToldAgain) {
    const TemporaryDirectory directory;
    const std::string up = directory / "up";
    const std::string told = directory / "told";
    const std::string leave = directory / "leave";
    const std::string end = directory / "end";
    const auto wait = [](const std::string& file) {
        return "until test -e " + file + "; do sleep 0.01; done";
    };
    expectScenario([&] {
        // The command outlives the signal until it may leave, so that the other one has heard it by then.
        SupervisorOptions options = shell("trap : TERM; (trap 'echo told >> " + told + "' TERM; touch " + up +
                                          "; " + wait(end) + ") & " + wait(leave));
        options.gracePeriod = seconds(600);
        options.signalGroup = true;
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.untilExists(up));
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.until([&] { return contentOf(told) == "told\n"; }));
        std::ofstream(leave).close();
        REQUIRE_HERE(bench.until([&] { return bench.supervisor.status().pid < 0; }));
        std::ofstream(end).close();
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        REQUIRE_HERE(contentOf(told) == "told\n");
        return 0;
    });
}

TEST(Supervisor, ACommandThatHasLeftItsGroupIsToldToStopInPlaceOfIt) {
    const TemporaryDirectory directory;
    const std::string ready = directory / "ready";
    expectScenario([&] {
        SupervisorOptions options = shell("");
        options.command = {
            "perl", "-e",
            "setpgrp(0, getpgrp(getppid)); open(my $ready, q(>), q(" + ready + ")); exec(qw(sleep 1000))"};
        options.gracePeriod = seconds(600);
        options.signalGroup = true;
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.untilExists(ready));
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(Supervisor, TheNextCommandHearsNothingOfWhatTheLastOneLeftBehind) {
    const TemporaryDirectory directory;
    const std::string told = directory / "told";
    expectScenario([&] {
        SupervisorOptions options =
            shell("trap 'touch " + told + "; exit 0' TERM; sleep 1000 & while :; do sleep 0.01; done");
        options.gracePeriod = seconds(600);
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.until([] { return Descendants().list().size() >= 3; }));
        bench.supervisor.follow("other leads");
        REQUIRE_HERE(bench.untilState(State::kWaiting) && access(told.c_str(), F_OK) == 0);
        std::filesystem::remove(told);
        bench.supervisor.lead({2, {}});
        // Longer than the first pauses between two looks for survivors.
        bool over = false;
        bench.loop.callAfter(milliseconds(300), [&] { over = true; });
        REQUIRE_HERE(bench.until([&] { return over; }));
        REQUIRE_HERE(bench.state() == State::kRunning && access(told.c_str(), F_OK) != 0);
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(Supervisor, FlappingNeverHasTwoCommandsAndEndsAsTheLastWordSays) {
    for (const bool leadsAtLast : {true, false})
        expectScenario([&] {
            SupervisorBench bench(shell("sleep 1000 & wait"));
            REQUIRE_HERE(!bench.supervisor.start());
            for (int i = 0; i < 100; ++i) {
                bench.supervisor.lead({i / 10, {}});
                for (int turn = 0; turn < i % 4; ++turn) bench.loop.turn(false);
                bench.supervisor.follow("flapping");
                for (int turn = 0; turn < i % 3; ++turn) bench.loop.turn(false);
            }
            if (leadsAtLast) bench.supervisor.lead({1000, {}});
            REQUIRE_HERE(bench.untilState(leadsAtLast ? State::kRunning : State::kWaiting));
            REQUIRE_HERE(!bench.overlaps);
            REQUIRE_HERE(haveChildren() == leadsAtLast);
            bench.supervisor.follow("the end");
            REQUIRE_HERE(bench.untilState(State::kWaiting));
            return 0;
        });
}

TEST(Supervisor, KillsAfterTheGracePeriodWhateverTheCommandStarted) {
    const TemporaryDirectory directory;
    const std::string up = directory / "up";
    expectScenario([&] {
        SupervisorBench bench(shell("trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 1000 & touch " + up +
                                    "; wait' & while :; do wait; done"));
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.untilExists(up));
        const Instant before = bench.loop.now();
        bench.supervisor.follow("other leads");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        REQUIRE_HERE(bench.loop.now() - before >= milliseconds(200));
        REQUIRE_HERE(!haveChildren());
        return 0;
    });
}

TEST(Supervisor, AStoppedCommandIsContinuedSoThatItCanEnd) {
    expectScenario([] {
        SupervisorOptions options = shell("exec sleep 1000");
        options.gracePeriod = seconds(100);
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        kill(bench.supervisor.status().pid, SIGSTOP);
        bench.supervisor.follow("other leads");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(Supervisor, WhatOutlivesTheCommandIsToldToStopBeforeTheEnd) {
    const TemporaryDirectory directory;
    const std::string up = directory / "up";
    const std::string told = directory / "told";
    expectScenario([&] {
        SupervisorOptions options =
            shell("setsid sh -c 'trap \"touch " + told + "; exit\" TERM; touch " + up +
                  "; while :; do sleep 0.01; done' & until test -e " + up + "; do sleep 0.01; done; exit 5");
        options.gracePeriod = seconds(100);
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.untilEnded());
        REQUIRE_HERE(bench.endedWith == 5 && access(told.c_str(), F_OK) == 0 && !haveChildren());
        return 0;
    });
}

TEST(Supervisor, ASignalThatIsAlreadyHerePreventsTheStart) {
    expectScenario([] {
        SupervisorBench bench(shell("exit 0"));
        REQUIRE_HERE(!bench.supervisor.start());
        // What this process sends itself does not count.
        const pid_t sender = fork();
        if (sender == 0) _exit(kill(getppid(), SIGTERM));
        waitpid(sender, nullptr, 0);
        bench.supervisor.lead({1, {}});
        REQUIRE_HERE(bench.endedWith == 128 + SIGTERM && bench.starts == 0);
        return 0;
    });
}

TEST(Supervisor, DoubtHoldsWhatRunsAndStartsNothing) {
    expectScenario([] {
        SupervisorOptions options = shell("exec sleep 1000");
        options.settle = milliseconds(20);
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        bench.supervisor.doubt("no answer");
        REQUIRE_HERE(bench.state() == State::kWaiting);
        bench.supervisor.lead({1, {}});
        REQUIRE_HERE(bench.untilState(State::kRunning));
        bench.supervisor.doubt("no answer");
        REQUIRE_HERE(bench.state() == State::kRunning);
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(Supervisor, ReapsOrphansWhileTheCommandRuns) {
    const TemporaryDirectory directory;
    const std::string done = directory / "done";
    expectScenario([&] {
        SupervisorBench bench(shell("i=0; while [ $i -lt 300 ]; do (true &); i=$((i+1)); done; touch " +
                                    done + "; exec sleep 1000"));
        REQUIRE_HERE(bench.startLeading());
        REQUIRE_HERE(bench.untilExists(done));
        REQUIRE_HERE(bench.until([] { return Descendants().list().size() == 1; }));
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(Supervisor, OnLossExitEndsWith75WhenNothingIsLeft) {
    expectScenario([] {
        SupervisorOptions options = shell("exec sleep 1000");
        options.onLoss = OnLoss::kExit;
        SupervisorBench bench(options);
        REQUIRE_HERE(bench.startLeading());
        bench.supervisor.follow("other leads");
        REQUIRE_HERE(bench.untilEnded());
        REQUIRE_HERE(bench.endedWith == 75 && !haveChildren());
        return 0;
    });
}

}  // namespace
}  // namespace leader
