#include "common/supervisor/guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "common/supervisor/descendants.h"
#include "tests/unit/supervisor/forked.h"

namespace leader {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Forked;

#define REQUIRE_HERE(condition) \
    if (!(condition)) return __LINE__ % 250 + 1

void expectScenario(const std::function<int()>& body) {
    EXPECT_EQ(0, Forked(body).exitCode());
}

/// A guard and its loop, for use in a process of their own.
struct Bench {
    Bench() : guard(loop, [this] { ++lost; }) {}
    ~Bench() {
        for (const pid_t group : groups) kill(-group, SIGKILL);
    }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    bool start(Duration fromNow) { return !guard.start(loop.now() + fromNow, {}, 0); }
    bool prepare() { return !guard.prepare({}); }

    /// A child that leads a process group, with a child of its own, and that the guard knows. It has written
    /// its pids.
    std::vector<pid_t> startCommand(const std::string& script = "sleep 1000 & echo $$ $!; wait") {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) return {};
        const pid_t pid = fork();
        if (pid == 0) {
            setpgid(0, 0);
            const guard::Message message{getpid()};
            send(guard.socket(), &message, sizeof message, 0);
            dup2(ends[1], STDOUT_FILENO);
            execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
            _exit(127);
        }
        groups.push_back(pid);
        close(ends[1]);
        FILE* output = fdopen(ends[0], "r");
        std::vector<pid_t> pids(2);
        const bool read = fscanf(output, "%d %d", &pids[0], &pids[1]) == 2;
        fclose(output);
        return read ? pids : std::vector<pid_t>();
    }

    bool untilLost() {
        bool late = false;
        const auto limit = loop.callAfter(seconds(10), [&] { late = true; });
        while (lost == 0 && !late) loop.turn();
        loop.cancel(limit);
        return lost == 1;
    }

    EventLoop loop;
    int lost = 0;
    std::vector<pid_t> groups;
    Guard guard;
};

bool isDead(pid_t pid) {
    const auto process = ProcessTable().read(pid);
    return !process || process->state == 'Z';
}

bool allDead(const std::vector<pid_t>& pids) {
    for (int i = 0; i < 10000; ++i) {
        if (std::all_of(pids.begin(), pids.end(), isDead)) return true;
        usleep(1000);
    }
    return false;
}

bool soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 10000; ++i) {
        if (condition()) return true;
        usleep(1000);
    }
    return false;
}

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

bool hasChildren() {
    siginfo_t info{};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

TEST(Guard, KillsTheGroupAtTheDeadlineAndNotBefore) {
    expectScenario([] {
        Bench bench;
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
        Bench bench;
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
        Bench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        const auto command = bench.startCommand();
        REQUIRE_HERE(bench.guard.setDeadline(bench.loop.now()));
        REQUIRE_HERE(allDead(command));
        return 0;
    });
}

TEST(Guard, WhatIsStartedAfterTheDeadlineIsKilledToo) {
    expectScenario([] {
        Bench bench;
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
        Bench bench;
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
        Bench bench;
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
        std::array<int, 2> ends{};
        REQUIRE_HERE(pipe(ends.data()) == 0);
        Forked leader([&] {
            Bench bench;
            if (!bench.start(hours(1))) return 1;
            const auto command = bench.startCommand();
            const std::array<pid_t, 3> pids{command.at(0), command.at(1), bench.guard.pid()};
            if (write(ends[1], pids.data(), sizeof pids) != sizeof pids) return 1;
            for (;;) pause();
        });
        std::array<pid_t, 3> pids{};
        REQUIRE_HERE(read(ends[0], pids.data(), sizeof pids) == sizeof pids);
        kill(leader.pid(), SIGKILL);
        REQUIRE_HERE(allDead({pids.begin(), pids.end()}));
        return 0;
    });
}

TEST(Guard, ThatIsStoppedKillsNothing) {
    expectScenario([] {
        Bench bench;
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
        Bench bench;
        REQUIRE_HERE(bench.start(hours(1)));
        REQUIRE_HERE(!hasChildren());
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
        Bench bench;
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
        Bench bench;
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

TEST(PreparedGuard, IsTheOneThatIsPutOnItsGuard) {
    expectScenario([] {
        Bench bench;
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
        Bench bench;
        REQUIRE_HERE(bench.prepare());
        const pid_t guard = bench.guard.pid();
        close(ends[1]);
        char c = 0;
        REQUIRE_HERE(read(ends[0], &c, 1) == 0);
        REQUIRE_HERE(soon([&] { return sleeps(guard); }));
        REQUIRE_HERE(descriptorsOf(guard).size() == 2);
        for (const std::string& name : descriptorsOf(guard))
            REQUIRE_HERE(name.rfind("socket:", 0) == 0 || name == "anon_inode:[timerfd]");
        REQUIRE_HERE(getsid(guard) == guard && getpgid(guard) == guard);
        REQUIRE_HERE(!hasChildren());
        for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP}) kill(guard, signal);
        REQUIRE_HERE(bench.start(hours(1)) && bench.guard.pid() == guard && !isDead(guard));
        return 0;
    });
}

TEST(PreparedGuard, EndsWithLeaderAndKillsNobody) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        std::array<int, 2> ends{};
        REQUIRE_HERE(pipe(ends.data()) == 0);
        Forked leader([&] {
            Bench bench;
            if (!bench.prepare()) return 1;
            // Not there when the guard was made, so that it has not been told of it.
            const pid_t other = fork();
            if (other == 0) {
                close(bench.guard.socket());
                for (;;) pause();
            }
            const std::array<pid_t, 2> pids{other, bench.guard.pid()};
            if (write(ends[1], pids.data(), sizeof pids) != sizeof pids) return 1;
            for (;;) pause();
        });
        std::array<pid_t, 2> pids{};
        REQUIRE_HERE(read(ends[0], pids.data(), sizeof pids) == sizeof pids);
        kill(leader.pid(), SIGKILL);
        REQUIRE_HERE(allDead({pids[1]}));
        REQUIRE_HERE(!isDead(pids[0]));
        kill(pids[0], SIGKILL);
        return 0;
    });
}

TEST(PreparedGuard, KillsAtOnceWhenLeaderIsKilledAfterItWasPutOnItsGuard) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        std::array<int, 2> ends{};
        REQUIRE_HERE(pipe(ends.data()) == 0);
        Forked leader([&] {
            Bench bench;
            if (!bench.prepare() || !bench.start(hours(1))) return 1;
            const auto command = bench.startCommand();
            const std::array<pid_t, 3> pids{command.at(0), command.at(1), bench.guard.pid()};
            if (write(ends[1], pids.data(), sizeof pids) != sizeof pids) return 1;
            for (;;) pause();
        });
        std::array<pid_t, 3> pids{};
        REQUIRE_HERE(read(ends[0], pids.data(), sizeof pids) == sizeof pids);
        kill(leader.pid(), SIGKILL);
        REQUIRE_HERE(allDead({pids.begin(), pids.end()}));
        return 0;
    });
}

TEST(PreparedGuard, ThatWasKilledIsReplacedWhetherItIsMissedBeforeOrNot) {
    for (const bool missed : {true, false}) {
        expectScenario([missed] {
            Bench bench;
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
        Bench bench;
        REQUIRE_HERE(bench.prepare());
        const pid_t prepared = bench.guard.pid();
        REQUIRE_HERE(soon([&] { return sleeps(prepared); }));
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
        Bench bench;
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
        Bench bench;
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
        Bench bench;
        REQUIRE_HERE(bench.prepare() && bench.start(hours(1)));
        const pid_t first = bench.guard.pid();
        bench.guard.release();
        REQUIRE_HERE(bench.prepare() && bench.guard.pid() != first);
        REQUIRE_HERE(isDead(first));
        return 0;
    });
}

TEST(Guard, ThatIsReleasedKillsNobodyAndEndsWithLeader) {
    expectScenario([] {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        std::array<int, 2> ends{};
        REQUIRE_HERE(pipe(ends.data()) == 0);
        Forked leader([&] {
            Bench bench;
            if (!bench.start(milliseconds(300))) return 1;
            const auto command = bench.startCommand();
            bench.guard.release();
            if (bench.guard.running()) return 1;
            usleep(400000);  // until the deadline has passed
            const std::array<pid_t, 3> pids{command.at(0), command.at(1), bench.guard.pid()};
            if (write(ends[1], pids.data(), sizeof pids) != sizeof pids) return 1;
            for (;;) pause();
        });
        std::array<pid_t, 3> pids{};
        REQUIRE_HERE(read(ends[0], pids.data(), sizeof pids) == sizeof pids);
        REQUIRE_HERE(!isDead(pids[0]) && !isDead(pids[1]) && !isDead(pids[2]));
        kill(leader.pid(), SIGKILL);
        REQUIRE_HERE(allDead({pids[2]}));
        REQUIRE_HERE(!isDead(pids[0]) && !isDead(pids[1]));
        kill(-pids[0], SIGKILL);
        return 0;
    });
}

}  // namespace
}  // namespace leader
