#include "common/supervisor/supervisor.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/unit/supervisor/supervisor_bench.h"

namespace leader {
namespace {

using namespace test;

/// A leadership under term 1 whose lease ends so much later.
Leadership leased(Duration lease) {
    return {1, {}, Clock::system().now() + lease};
}

std::optional<pid_t> guardOf(pid_t leader) {
    for (const Process& process : ProcessTable().list()) {
        std::string name;
        std::ifstream("/proc/" + std::to_string(process.pid) + "/comm") >> name;
        if (process.parent == leader && process.state != 'Z' && name == "leader-guard") return process.pid;
    }
    return {};
}

/// The guard that it has made, as somebody else leads.
std::optional<pid_t> waitWithAGuard(SupervisorBench& bench) {
    if (bench.supervisor.start()) return {};
    bench.supervisor.lose("somebody else leads");
    bench.until([] { return guardOf(getpid()).has_value(); });
    return guardOf(getpid());
}

TEST(SupervisorWithALease, StopsTheCommandInTimeAndWaits) {
    expectScenario([] {
        SupervisorBench bench(shell("trap '' TERM; while :; do sleep 0.01; done"));
        REQUIRE_HERE(!bench.supervisor.start());
        const Leadership leadership = leased(seconds(4));
        bench.supervisor.lead(leadership);
        REQUIRE_HERE(bench.state() == State::kRunning && guardOf(getpid()));
        bench.supervisor.doubt("no answer");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        REQUIRE_HERE(bench.loop.now() < *leadership.validUntil);
        REQUIRE_HERE(!haveChildren() && !guardOf(getpid()) && bench.stops == 1);
        return 0;
    });
}

TEST(SupervisorWithALease, RunsOnWhileItIsRenewed) {
    expectScenario([] {
        SupervisorBench bench(shell("exec sleep 1000"));
        REQUIRE_HERE(!bench.supervisor.start());
        const Instant begin = bench.loop.now();
        while (bench.loop.now() - begin < milliseconds(2500)) {
            bench.supervisor.lead(leased(seconds(3)));
            bench.loop.turn(false);
        }
        REQUIRE_HERE(bench.state() == State::kRunning && bench.starts == 1);
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(SupervisorWithALease, StartsNothingWhereTooLittleOfItIsLeft) {
    expectScenario([] {
        SupervisorBench bench(shell("exec sleep 1000"));
        REQUIRE_HERE(!bench.supervisor.start());
        bench.supervisor.lead(leased(milliseconds(1200)));
        REQUIRE_HERE(bench.state() == State::kWaiting && bench.starts == 0);
        return 0;
    });
}

TEST(SupervisorWithALease, ALostOneLeavesNoGracePeriod) {
    expectScenario([] {
        SupervisorOptions options = shell("trap '' TERM; while :; do sleep 0.01; done");
        options.gracePeriod = seconds(100);
        SupervisorBench bench(options);
        REQUIRE_HERE(!bench.supervisor.start());
        bench.supervisor.lead(leased(seconds(1000)));
        REQUIRE_HERE(bench.state() == State::kRunning);
        bench.supervisor.lose("revoked");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(SupervisorWithALease, AGuardThatIsKilledIsReplaced) {
    expectScenario([] {
        SupervisorBench bench(shell("exec sleep 1000"));
        REQUIRE_HERE(!bench.supervisor.start());
        bench.supervisor.lead(leased(seconds(1000)));
        const Instant started = bench.loop.now();
        const auto first = guardOf(getpid());
        REQUIRE_HERE(first);
        REQUIRE_HERE(bench.until([&] { return bench.loop.now() - started > milliseconds(1100); }));
        kill(*first, SIGKILL);
        REQUIRE_HERE(bench.until([&] {
            const auto now = guardOf(getpid());
            return now && now != first;
        }));
        REQUIRE_HERE(bench.state() == State::kRunning);
        bench.supervisor.follow("the end");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        return 0;
    });
}

TEST(SupervisorWithALease, StandsDownWhereNoGuardStays) {
    expectScenario([] {
        SupervisorBench bench(shell("exec sleep 1000"));
        REQUIRE_HERE(!bench.supervisor.start());
        bench.supervisor.lead(leased(seconds(1000)));
        const auto guard = guardOf(getpid());
        REQUIRE_HERE(guard);
        kill(*guard, SIGKILL);
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        REQUIRE_HERE(!haveChildren());
        return 0;
    });
}

TEST(SupervisorWithALease, WithoutAGuardNothingIsStarted) {
    expectScenario([] {
        SupervisorBench bench(shell("exec sleep 1000"));
        REQUIRE_HERE(!bench.supervisor.start());
        const rlimit none{0, 0};
        REQUIRE_HERE(getuid() != 0 || setuid(54323) == 0);
        REQUIRE_HERE(setrlimit(RLIMIT_NPROC, &none) == 0);
        bench.supervisor.lead(leased(seconds(1000)));
        REQUIRE_HERE(bench.endedWith == 70 && !bench.supervisor.status().started);
        return 0;
    });
}

TEST(SupervisorWithALease, PreparesAGuardWhileItWaitsAndUsesIt) {
    expectScenario([] {
        SupervisorBench bench(shell("exec sleep 1000"));
        REQUIRE_HERE(!bench.supervisor.start());
        REQUIRE_HERE(!guardOf(getpid()));
        bench.supervisor.lose("somebody else leads");
        REQUIRE_HERE(bench.until([] { return guardOf(getpid()).has_value(); }));
        const auto prepared = guardOf(getpid());
        bench.supervisor.lose("somebody else leads");
        bench.supervisor.lead(leased(seconds(1000)));
        REQUIRE_HERE(bench.state() == State::kRunning && guardOf(getpid()) == prepared);
        bench.supervisor.lose("revoked");
        REQUIRE_HERE(bench.untilState(State::kWaiting));
        REQUIRE_HERE(!haveChildren() && guardOf(getpid()) != prepared);
        REQUIRE_HERE(bench.until([&] {
            bench.supervisor.lose("somebody else leads");
            const auto next = guardOf(getpid());
            return next && next != prepared;
        }));
        bench.supervisor.lead(leased(seconds(1000)));
        REQUIRE_HERE(bench.state() == State::kRunning && !bench.overlaps);
        return 0;
    });
}

TEST(SupervisorWithALease, APreparedGuardThatIsKilledIsMadeAnewWhileItWaits) {
    expectScenario([] {
        SupervisorBench bench(shell("exec sleep 1000"));
        const auto prepared = waitWithAGuard(bench);
        REQUIRE_HERE(prepared);
        kill(*prepared, SIGKILL);
        REQUIRE_HERE(bench.until([] { return !guardOf(getpid()); }));
        REQUIRE_HERE(bench.state() == State::kWaiting);
        REQUIRE_HERE(bench.until([&] {
            bench.supervisor.lose("somebody else leads");
            return guardOf(getpid()).has_value();
        }));
        bench.supervisor.lead(leased(seconds(1000)));
        REQUIRE_HERE(bench.state() == State::kRunning && guardOf(getpid()));
        return 0;
    });
}

TEST(SupervisorWithALease, APreparedGuardThatIsKilledJustBeforeTheStartIsReplaced) {
    expectScenario([] {
        SupervisorBench bench(shell("exec sleep 1000"));
        const auto prepared = waitWithAGuard(bench);
        REQUIRE_HERE(prepared);
        kill(*prepared, SIGKILL);
        while (guardOf(getpid())) usleep(1000);
        bench.supervisor.lead(leased(seconds(1000)));
        REQUIRE_HERE(bench.state() == State::kRunning);
        const auto guard = guardOf(getpid());
        REQUIRE_HERE(guard && guard != prepared);
        return 0;
    });
}

TEST(SupervisorWithALease, APreparedGuardThatDoesNotWakeUpIsReplacedWhileTheCommandRunsOn) {
    expectScenario([] {
        SupervisorBench bench(shell("exec sleep 1000"));
        const auto prepared = waitWithAGuard(bench);
        REQUIRE_HERE(prepared);
        kill(*prepared, SIGSTOP);
        bench.supervisor.lead(leased(seconds(1000)));
        const pid_t command = bench.supervisor.status().pid;
        REQUIRE_HERE(bench.until([&] {
            const auto guard = guardOf(getpid());
            return guard && guard != prepared;
        }));
        REQUIRE_HERE(bench.state() == State::kRunning && bench.supervisor.status().pid == command);
        return 0;
    });
}

TEST(SupervisorWithALease, APreparedGuardKillsInTimeWhatAStoppedLeaderCannot) {
    std::array<int, 2> ends{};
    ASSERT_EQ(0, pipe(ends.data()));
    Forked leader([&]() -> int {
        SupervisorOptions options = shell("exec sleep 1000");
        options.gracePeriod = Duration::zero();
        SupervisorBench bench(options);
        REQUIRE_HERE(!bench.supervisor.start());
        bench.supervisor.lose("somebody else leads");
        bench.supervisor.lead(leased(seconds(1000)));
        bench.supervisor.lead(leased(milliseconds(2500)));
        const pid_t command = bench.supervisor.status().pid;
        REQUIRE_HERE(write(ends[1], &command, sizeof command) == sizeof command);
        for (;;) pause();
    });
    pid_t command = 0;
    ASSERT_EQ(static_cast<ssize_t>(sizeof command), read(ends[0], &command, sizeof command));
    close(ends[0]);
    close(ends[1]);
    ASSERT_GT(command, 0);
    kill(leader.pid(), SIGSTOP);
    EXPECT_TRUE(eventually([&] { return isDead(command); }));
    kill(leader.pid(), SIGKILL);
}

TEST(SupervisorWithALease, TheGuardChangesNeitherExitCodeNorReapingAndEndsWithLeader) {
    for (const bool prepared : {false, true}) {
        std::array<int, 2> ends{};
        ASSERT_EQ(0, pipe(ends.data()));
        expectScenario([&]() -> int {
            SupervisorBench bench(shell("(true &); (setsid sleep 0.05 &); exit 3"));
            REQUIRE_HERE(!bench.supervisor.start());
            if (prepared) bench.supervisor.lose("somebody else leads");
            bench.supervisor.lead(leased(seconds(1000)));
            const pid_t guard = guardOf(getpid()).value_or(0);
            REQUIRE_HERE(write(ends[1], &guard, sizeof guard) == sizeof guard);
            REQUIRE_HERE(bench.untilEnded());
            REQUIRE_HERE(bench.endedWith == 3 && !haveChildren());
            _exit(0);  // as a leader that has no time for its destructors
        });
        close(ends[1]);
        pid_t guard = 0;
        EXPECT_EQ(static_cast<ssize_t>(sizeof guard), read(ends[0], &guard, sizeof guard));
        close(ends[0]);
        EXPECT_GT(guard, 0);
        EXPECT_TRUE(eventually([&] { return isDead(guard); }));
    }
}

/// A leader in a process of its own, whose command says all the time that it lives.
class LonelyLeader {
  public:
    explicit LonelyLeader(Duration lease) : leader_([this, lease] { return lead(lease); }) {}

    Forked& process() { return leader_; }
    /// The command and one that left its session; empty where they do not come up.
    std::vector<pid_t> command() {
        if (!eventually([&] { return access((directory_ / "leased").c_str(), F_OK) == 0; })) return {};
        return pids();
    }
    /// Of the lease, which begins to run once the command is up; in seconds of the boot-time clock, as all
    /// here.
    double validUntil() const { return std::stod(contentOf(directory_ / "leased")); }
    double lastSignOfLife() const {
        double last = 0;
        std::istringstream lines(contentOf(directory_ / "alive"));
        for (double time = 0; lines >> time;) last = std::max(last, time);
        return last;
    }

  private:
    std::vector<pid_t> pids() const {
        std::vector<pid_t> pids;
        std::istringstream words(contentOf(directory_ / "pids"));
        for (pid_t pid = 0; words >> pid;) pids.push_back(pid);
        return pids;
    }

    int lead(Duration lease) const {
        const std::string live = "echo $$ >> " + directory_ / "pids" +
                                 "; while :; do read time rest < /proc/uptime; echo $time >> " +
                                 directory_ / "alive" + "; sleep 0.01; done";
        SupervisorOptions options = shell("setsid sh -c '" + live + "' & " + live);
        options.onLoss = OnLoss::kExit;
        options.gracePeriod = Duration::zero();
        SupervisorBench bench(options);
        REQUIRE_HERE(!bench.supervisor.start());
        bench.supervisor.lead(leased(seconds(1000)));
        REQUIRE_HERE(bench.until([&] { return pids().size() == 2; }));
        const Leadership shorter = leased(lease);
        bench.supervisor.lead(shorter);
        std::ofstream(directory_ / "new")
            << std::chrono::duration<double>(shorter.validUntil->time_since_epoch()).count();
        std::filesystem::rename(directory_ / "new", directory_ / "leased");
        while (!bench.supervisor.ended()) bench.loop.turn();
        return *bench.endedWith;
    }

    TemporaryDirectory directory_;
    Forked leader_;
};

TEST(SupervisorWithALease, TheGuardKillsInTimeWhatAStoppedLeaderCannot) {
    LonelyLeader leader(milliseconds(2500));
    const std::vector<pid_t> command = leader.command();
    ASSERT_EQ(2U, command.size());
    kill(leader.process().pid(), SIGSTOP);
    for (const pid_t pid : command) EXPECT_TRUE(eventually([&] { return isDead(pid); }));
    EXPECT_LT(leader.lastSignOfLife(), leader.validUntil());
    kill(leader.process().pid(), SIGCONT);
    // It was the lease that ended, not the command.
    EXPECT_EQ(75, leader.process().exitCode());
}

TEST(SupervisorWithALease, TheGuardKillsTheCommandOfALeaderThatIsKilled) {
    LonelyLeader leader(seconds(1000));
    const std::vector<pid_t> command = leader.command();
    ASSERT_EQ(2U, command.size());
    const auto guard = guardOf(leader.process().pid());
    ASSERT_TRUE(guard);
    kill(leader.process().pid(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return isDead(*guard); }));
    // What left the group is out of reach once nobody is its parent any more.
    for (const pid_t pid : command)
        if (getsid(pid) == pid)
            kill(-pid, SIGKILL);
        else
            EXPECT_TRUE(isDead(pid));
}

}  // namespace
}  // namespace leader
