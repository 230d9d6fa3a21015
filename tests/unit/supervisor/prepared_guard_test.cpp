#include "tests/unit/supervisor/guard_bench.h"

#include <filesystem>
#include <string>

namespace leader {
namespace {

using namespace test;
using Leader = GuardedLeader;

/// It has settled in, and no longer works off what it has to do.
bool sleeps(pid_t pid) {
    const auto process = ProcessTable().read(pid);
    return process && process->state == 'S';
}

std::vector<std::string> descriptorsOf(pid_t pid) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
        names.push_back(std::filesystem::read_symlink(entry.path()).string());
    return names;
}

TEST(PreparedGuard, IsTheOneThatIsPutOnItsGuard) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.prepare());
        const pid_t prepared = bench.guard.pid();
        REQUIRE_HERE(prepared > 0 && !bench.guard.running());
        REQUIRE_HERE(bench.prepare() && bench.guard.pid() == prepared);
        REQUIRE_HERE(bench.start(hours(1)));
        REQUIRE_HERE(bench.guard.pid() == prepared && bench.guard.running());
        const auto command = bench.startCommand();
        REQUIRE_HERE(command.size() == 2 && !isDead(command[0]));
        const Instant deadline = bench.loop.now() + milliseconds(300);
        REQUIRE_HERE(bench.guard.setDeadline(deadline));
        REQUIRE_HERE(allDead(command));
        REQUIRE_HERE(bench.loop.now() >= deadline);
        return 0;
    });
}

TEST(PreparedGuard, HoldsNothingIsNoChildAndIsNotEndedByWhatEndsOthers) {
    expectScenario([] {
        std::array<int, 2> ends{};
        REQUIRE_HERE(pipe(ends.data()) == 0);
        GuardBench bench;
        REQUIRE_HERE(bench.prepare());
        const pid_t guard = bench.guard.pid();
        close(ends[1]);
        char c = 0;
        REQUIRE_HERE(read(ends[0], &c, 1) == 0);
        REQUIRE_HERE(eventually([&] { return sleeps(guard); }));
        REQUIRE_HERE(descriptorsOf(guard).size() == 2);
        for (const std::string& name : descriptorsOf(guard))
            REQUIRE_HERE(name.rfind("socket:", 0) == 0 || name == "anon_inode:[timerfd]");
        REQUIRE_HERE(getsid(guard) == guard && getpgid(guard) == guard);
        REQUIRE_HERE(!haveChildren());
        for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP}) kill(guard, signal);
        REQUIRE_HERE(bench.start(hours(1)) && bench.guard.pid() == guard && !isDead(guard));
        return 0;
    });
}

TEST(PreparedGuard, EndsWithLeaderAndKillsNobody) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        const Leader leader([](GuardBench& bench) {
            if (!bench.prepare()) return Leader::Pids();
            // Not there when the guard was made, so that it has not been told of it.
            const pid_t other = fork();
            if (other == 0) {
                close(bench.guard.socket());
                for (;;) pause();
            }
            return Leader::Pids{other, bench.guard.pid()};
        });
        const auto pids = leader.pids(2);
        REQUIRE_HERE(pids.size() == 2);
        leader.kill();
        REQUIRE_HERE(allDead({pids[1]}));
        REQUIRE_HERE(!isDead(pids[0]));
        kill(pids[0], SIGKILL);
        return 0;
    });
}

TEST(PreparedGuard, KillsAtOnceWhenLeaderIsKilledAfterItWasPutOnItsGuard) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        const Leader leader([](GuardBench& bench) {
            if (!bench.prepare() || !bench.start(hours(1))) return Leader::Pids();
            return bench.startCommandAndTellAll();
        });
        const auto pids = leader.pids(3);
        REQUIRE_HERE(pids.size() == 3);
        leader.kill();
        REQUIRE_HERE(allDead(pids));
        return 0;
    });
}

TEST(PreparedGuard, ThatWasKilledIsReplacedWhetherItIsMissedBeforeOrNot) {
    for (const bool missed : {true, false}) {
        expectScenario([missed] {
            GuardBench bench;
            REQUIRE_HERE(bench.prepare());
            const pid_t prepared = bench.guard.pid();
            kill(prepared, SIGKILL);
            REQUIRE_HERE(allDead({prepared}));
            if (missed) REQUIRE_HERE(bench.untilLost() && bench.guard.pid() == -1);
            REQUIRE_HERE(bench.start(hours(1)));
            REQUIRE_HERE(bench.guard.running() && !isDead(bench.guard.pid()));
            REQUIRE_HERE(bench.lost == (missed ? 1 : 0));
            const auto command = bench.startCommand();
            REQUIRE_HERE(command.size() == 2);
            REQUIRE_HERE(bench.guard.setDeadline(bench.loop.now()));
            REQUIRE_HERE(allDead(command));
            return 0;
        });
    }
}

TEST(PreparedGuard, ThatDoesNotWakeUpIsMissed) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.prepare());
        const pid_t prepared = bench.guard.pid();
        REQUIRE_HERE(eventually([&] { return sleeps(prepared); }));
        kill(prepared, SIGSTOP);
        REQUIRE_HERE(bench.start(hours(1)));
        const auto command = bench.startCommand();
        REQUIRE_HERE(bench.untilLost());
        REQUIRE_HERE(isDead(prepared) && !isDead(command[0]));
        return 0;
    });
}

TEST(PreparedGuard, ThatWakesUpIsNotMissed) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.prepare());
        REQUIRE_HERE(bench.start(hours(1)));
        const Instant started = bench.loop.now();
        const auto later = bench.loop.callAfter(milliseconds(2500), [] {});
        while (bench.loop.now() - started < milliseconds(2500)) bench.loop.turn();
        bench.loop.cancel(later);
        REQUIRE_HERE(bench.lost == 0 && bench.guard.running());
        return 0;
    });
}

TEST(PreparedGuard, ThatKnowsOtherStrangersIsReplacedAndSparesThem) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        GuardBench bench;
        REQUIRE_HERE(bench.prepare());
        const pid_t prepared = bench.guard.pid();
        const pid_t stranger = fork();
        if (stranger == 0)
            for (;;) pause();
        REQUIRE_HERE(!bench.guard.start(bench.loop.now() + hours(1), {stranger}, 0));
        REQUIRE_HERE(bench.guard.pid() != prepared && isDead(prepared));
        const auto command = bench.startCommand("setsid sleep 1000 & echo $$ $!; wait");
        REQUIRE_HERE(bench.guard.setDeadline(bench.loop.now()));
        REQUIRE_HERE(allDead(command));
        REQUIRE_HERE(!isDead(stranger));
        kill(stranger, SIGKILL);
        return 0;
    });
}

TEST(PreparedGuard, ServesOneCommandOnly) {
    expectScenario([] {
        GuardBench bench;
        REQUIRE_HERE(bench.prepare() && bench.start(hours(1)));
        const pid_t first = bench.guard.pid();
        bench.guard.release();
        REQUIRE_HERE(bench.prepare() && bench.guard.pid() != first);
        REQUIRE_HERE(isDead(first));
        return 0;
    });
}

}  // namespace
}  // namespace leader
