#include "common/supervisor/descendants.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>

#include "tests/support/privileges.h"
#include "tests/unit/supervisor/forked.h"

namespace leader {
namespace {

using test::Forked;
using test::TemporaryDirectory;

/// A child, in a process group of its own, that runs `script` in a shell and has written a line when that is
/// running.
pid_t startShell(const std::string& script) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return -1;
    const pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
        _exit(127);
    }
    close(ends[1]);
    char c = 0;
    const bool up = read(ends[0], &c, 1) == 1;
    close(ends[0]);
    return up ? pid : -1;
}

void becomeReaper() {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void reapAll(Descendants& descendants) {
    siginfo_t info{};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
        descendants.reaped(info.si_pid);
        info = {};
    }
}

/// Whether repeated killing leaves nothing, in time.
bool killToTheLast(Descendants& descendants) {
    for (int i = 0; i < 2000; ++i) {
        if (!descendants.killAll()) continue;
        reapAll(descendants);
        if (!descendants.anyLeft()) return true;
        usleep(2000);
    }
    return false;
}

TEST(ProcessTable, ReadsAProcessWhoseNameImitatesTheFormat) {
    const TemporaryDirectory directory;
    mkdir((directory / "7").c_str(), 0755);
    std::ofstream(directory / "7/stat")
        << "7 (a) R 1 2) T 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 424242 22\n";
    const auto process = ProcessTable(directory / "").read(7);
    ASSERT_TRUE(process);
    EXPECT_EQ('T', process->state);
    EXPECT_EQ(3, process->parent);
    EXPECT_EQ(4, process->group);
    EXPECT_EQ(424242U, process->startTime);
}

TEST(ProcessTable, AProcOfAnotherNamespaceIsNotBelieved) {
    const TemporaryDirectory directory;
    ASSERT_EQ(0, symlink("1234567", (directory / "self").c_str()));
    const ProcessTable table(directory / "");
    EXPECT_FALSE(table.usable());
    EXPECT_TRUE(table.list().empty());
    EXPECT_TRUE(ProcessTable().usable());
}

TEST(Descendants, ThoseThatLeftTheGroupAndTheSessionAreKilledToo) {
    EXPECT_EQ(0, Forked([] {
                     becomeReaper();
                     Descendants descendants;
                     descendants.markStrangers();
                     startShell("setsid sh -c '(setsid sleep 1000 &) ; sleep 1000 & echo; wait' & wait");
                     if (descendants.list().size() < 4) return 1;
                     return killToTheLast(descendants) ? 0 : 2;
                 }).exitCode());
}

TEST(Descendants, ChildrenFromBeforeTheCommandAreLeftAlone) {
    EXPECT_EQ(0, Forked([] {
                     becomeReaper();
                     const pid_t stranger = startShell("sleep 1000 & echo; wait");
                     Descendants descendants;
                     descendants.markStrangers();
                     if (descendants.anyLeft()) return 1;
                     startShell("sleep 1000 & echo; wait");
                     if (!killToTheLast(descendants)) return 2;
                     const bool alive = kill(stranger, 0) == 0 && waitpid(stranger, nullptr, WNOHANG) == 0;
                     Descendants all;
                     killToTheLast(all);
                     return alive ? 0 : 3;
                 }).exitCode());
}

/// Runs `body` in a pid namespace that ends with it, whatever it has let loose, as its PID 1 or as PID 2.
int inNamespace(bool asInit, const std::function<int()>& body) {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) return 101;
    Forked init([&] {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 102;
        if (mount("proc", "/proc", "proc", 0, nullptr) != 0) return 103;
        return asInit ? body() : Forked(body).exitCode();
    });
    return init.exitCode();
}

/// `width` processes, each of which leaves group and session, forks and ends, for ever.
void startForkBomb(int width) {
    for (int i = 0; i < width; ++i) {
        if (fork() != 0) continue;
        for (;;) {
            setsid();
            if (fork() > 0) _exit(0);
        }
    }
}

/// A user who has no process but the bomb's, as the limit counts all of a user's.
uid_t nobodyElse() {
    return 5'000'000 + static_cast<uid_t>(getpid());
}

int defuse(uid_t user) {
    // A container's limit; without one the bomb goes on until the machine's pids are used up, and only then
    // fails.
    const rlimit limit{300, 300};
    if (setrlimit(RLIMIT_NPROC, &limit) != 0 || setuid(user) != 0) return 99;
    becomeReaper();
    Descendants descendants;
    startForkBomb(20);
    return killToTheLast(descendants) ? 0 : 1;
}

TEST(Descendants, AForkBombDoesNotOutrunASubreaper) {
    if (const auto why = test::pidNamespacesUnavailable())
        GTEST_SKIP() << *why << "; one has to contain the bomb";
    const auto body = [user = nobodyElse()] { return defuse(user); };
    EXPECT_EQ(0, Forked([&] { return inNamespace(false, body); }).exitCode());
}

TEST(Descendants, AForkBombDoesNotOutrunPid1) {
    if (const auto why = test::pidNamespacesUnavailable())
        GTEST_SKIP() << *why << "; one has to contain the bomb";
    const auto body = [user = nobodyElse()] { return defuse(user); };
    EXPECT_EQ(0, Forked([&] { return inNamespace(true, body); }).exitCode());
}

TEST(Descendants, WithoutProcTheChildrenAreFoundByAsking) {
    pid_t highest = 0;
    std::ifstream("/proc/sys/kernel/pid_max") >> highest;
    if (highest > 100000) highest = 100000 + getpid();  // in time; pids are handed out upwards from here
    EXPECT_EQ(0, Forked([&] {
                     becomeReaper();
                     Descendants descendants(ProcessTable("/nonexistent"), highest);
                     startShell("setsid sh -c 'sleep 1000 & echo; wait' & wait");
                     if (descendants.list().size() != 1) return 1;
                     return killToTheLast(descendants) ? 0 : 2;
                 }).exitCode());
}

TEST(Descendants, ASignalToAllSparesTheGroupThatHasHadItAndWakesTheStopped) {
    EXPECT_EQ(0, Forked([] {
                     becomeReaper();
                     Descendants descendants;
                     const pid_t told = startShell("trap 'exit 7' TERM; echo; while :; do sleep 0.01; done");
                     const pid_t stopped = startShell("echo; exec sleep 1000");
                     kill(stopped, SIGSTOP);
                     waitpid(stopped, nullptr, WUNTRACED);
                     Descendants::Told had;
                     if (!descendants.signalAll(SIGTERM, told, had)) return 4;
                     int status = 0;
                     waitpid(stopped, &status, 0);
                     if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM) return 1;
                     if (waitpid(told, &status, WNOHANG) != 0) return 2;
                     if (descendants.signalAll(SIGTERM, told, had)) return 5;  // the same once more
                     startShell("echo; exec sleep 1000");
                     if (!descendants.signalAll(SIGTERM, told, had)) return 6;
                     return killToTheLast(descendants) ? 0 : 3;
                 }).exitCode());
}

}  // namespace
}  // namespace leader
