#include <poll.h>

#include "tests/unit/supervisor/guard_bench.h"

namespace leader {
namespace {

using namespace test;
using Leader = GuardedLeader;

TEST(Guard, KillsTheGroupAtTheDeadlineAndNotBefore) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        const auto command = bench.startCommand();
        REQUIRE_HERE(command.size() == 2);
        const Instant deadline = bench.loop.now() + milliseconds(300);
        REQUIRE_HERE(bench.guard.setDeadline(deadline));
        REQUIRE_HERE(allDead(command));
        REQUIRE_HERE(bench.loop.now() >= deadline);
        REQUIRE_HERE(!bench.guard.setDeadline(bench.loop.now() + hours(1)));
        return 0;
    });
}

TEST(Guard, ARenewedDeadlineCounts) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        const auto command = bench.startCommand();
        const Instant first = bench.loop.now() + seconds(1);
        const Instant second = first + milliseconds(300);
        REQUIRE_HERE(bench.guard.setDeadline(first));
        REQUIRE_HERE(bench.guard.setDeadline(second));
        REQUIRE_HERE(allDead(command));
        REQUIRE_HERE(bench.loop.now() >= second);
        return 0;
    });
}

TEST(Guard, AnEarlierDeadlineCountsAtOnce) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        const auto command = bench.startCommand();
        REQUIRE_HERE(bench.guard.setDeadline(bench.loop.now()));
        REQUIRE_HERE(allDead(command));
        return 0;
    });
}

TEST(Guard, WhatIsStartedAfterTheDeadlineIsKilledToo) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.start(Duration::zero()));
        const pid_t command = fork();
        if (command == 0) {
            setpgid(0, 0);
            const guard::Message message{getpid()};
            send(bench.guard.socket(), &message, sizeof message, 0);
            for (;;) pause();
        }
        REQUIRE_HERE(allDead({command}));
        return 0;
    });
}

TEST(Guard, FindsWhatHasLeftTheGroupAndTheSession) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        GuardBench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        const auto command = bench.startCommand("setsid sh -c 'setsid sleep 1000 & echo $$ $!; wait' & wait");
        REQUIRE_HERE(command.size() == 2);
        REQUIRE_HERE(bench.guard.setDeadline(bench.loop.now()));
        REQUIRE_HERE(allDead(command));
        return 0;
    });
}

TEST(Guard, SparesTheChildrenThatAreNotTheCommands) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        GuardBench bench;
        const pid_t stranger = fork();
        if (stranger == 0)
            for (;;) pause();
        REQUIRE_HERE(!bench.guard.start(bench.loop.now() + hours(1), {stranger}, 0));
        const auto command = bench.startCommand("setsid sleep 1000 & echo $$ $!; wait");
        REQUIRE_HERE(bench.guard.setDeadline(bench.loop.now()));
        REQUIRE_HERE(allDead(command));
        REQUIRE_HERE(!isDead(stranger));
        kill(stranger, SIGKILL);
        return 0;
    });
}

TEST(Guard, KillsAtOnceWhenLeaderIsGone) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        const Leader leader([](GuardBench& bench) {
            if (!bench.start(hours(1))) return Leader::Pids();
            return bench.startCommandAndTellAll();
        });
        const auto pids = leader.pids(3);
        REQUIRE_HERE(pids.size() == 3);
        leader.kill();
        REQUIRE_HERE(allDead(pids));
        return 0;
    });
}

TEST(Guard, KillsACommandThatItIsToldOfByALeaderThatIsGone) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        const Leader leader([](GuardBench& bench) {
            if (!bench.start(hours(1))) return Leader::Pids();
            // Its answer stays unread.
            pollfd answer{bench.guard.socket(), POLLIN, 0};
            if (poll(&answer, 1, -1) != 1) return Leader::Pids();
            kill(bench.guard.pid(), SIGSTOP);
            if (!eventually([&] { return ProcessTable().read(bench.guard.pid())->state == 'T'; }))
                return Leader::Pids();
            return bench.startCommandAndTellAll();
        });
        const auto pids = leader.pids(3);
        REQUIRE_HERE(pids.size() == 3);
        leader.kill();
        REQUIRE_HERE(eventually([&] { return isDead(leader.pid()); }));
        kill(pids[2], SIGCONT);
        REQUIRE_HERE(allDead(pids));
        return 0;
    });
}

TEST(Guard, ThatIsStoppedKillsNothing) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        const auto command = bench.startCommand();
        const pid_t guard = bench.guard.pid();
        bench.guard.stop();
        REQUIRE_HERE(isDead(guard) && !bench.guard.running());
        REQUIRE_HERE(!isDead(command[0]) && !isDead(command[1]));
        kill(-command[0], SIGKILL);
        return 0;
    });
}

TEST(Guard, IsNoChildThatIsWaitedFor) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        REQUIRE_HERE(!haveChildren());
        Descendants descendants;
        descendants.spare(bench.guard.pid());
        REQUIRE_HERE(!descendants.anyLeft() && descendants.list().empty());
        return 0;
    });
}

TEST(Guard, HoldsNothingOfLeaders) {
    expectScenario([] {
        std::array<int, 2> ends{};
        REQUIRE_HERE(pipe(ends.data()) == 0);
        GuardBench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        close(ends[1]);
        char c = 0;
        REQUIRE_HERE(read(ends[0], &c, 1) == 0);
        REQUIRE_HERE(getsid(bench.guard.pid()) == bench.guard.pid());
        REQUIRE_HERE(getpgid(bench.guard.pid()) == bench.guard.pid());
        return 0;
    });
}

TEST(Guard, IsNotEndedByWhatEndsOthersAndIsMissedWhenItIsKilled) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        const pid_t guard = bench.guard.pid();
        for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP}) kill(guard, signal);
        const auto command = bench.startCommand();
        REQUIRE_HERE(!isDead(guard));
        kill(guard, SIGKILL);
        REQUIRE_HERE(bench.untilLost());
        REQUIRE_HERE(!bench.guard.running());
        REQUIRE_HERE(!bench.guard.start(bench.loop.now(), {}, command[0]));
        REQUIRE_HERE(allDead(command));
        return 0;
    });
}

TEST(Guard, ThatIsReleasedKillsNobodyAndEndsWithLeader) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        const Leader leader([](GuardBench& bench) {
            if (!bench.start(milliseconds(300))) return Leader::Pids();
            const auto command = bench.startCommand();
            bench.guard.release();
            if (bench.guard.running()) return Leader::Pids();
            usleep(400000);  // until the deadline has passed
            return Leader::Pids{command.at(0), command.at(1), bench.guard.pid()};
        });
        const auto pids = leader.pids(3);
        REQUIRE_HERE(pids.size() == 3);
        REQUIRE_HERE(!isDead(pids[0]) && !isDead(pids[1]) && !isDead(pids[2]));
        leader.kill();
        REQUIRE_HERE(allDead({pids[2]}));
        REQUIRE_HERE(!isDead(pids[0]) && !isDead(pids[1]));
        kill(-pids[0], SIGKILL);
        return 0;
    });
}

}  // namespace
}  // namespace leader
