#include "common/supervisor/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "common/base/unique_fd.h"
#include "common/supervisor/guard_process.h"
#include "common/supervisor/inherited.h"
#include "tests/support/sanitizer.h"
#include "tests/unit/supervisor/forked.h"

namespace leader {
namespace {

using test::contentOf;
using test::Forked;
using test::TemporaryDirectory;

std::vector<std::string> shellCommand(const std::string& script) {
    return {"/bin/sh", "-c", script};
}

/// The exit code of a command that is started here and waited for.
int run(const std::vector<std::string>& argv, const Environment& environment = {}) {
    const Spawned spawned = spawnCommand(argv, environment, {});
    if (spawned.error) return -spawned.error->exitCode;
    int status = 0;
    waitpid(spawned.pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string makeFile(const TemporaryDirectory& directory, const std::string& content, mode_t mode) {
    std::string path = directory / "file";
    std::ofstream(path) << content;
    chmod(path.c_str(), mode);
    return path;
}

void expectError(const std::vector<std::string>& argv, int exitCode, const std::string& text) {
    const Spawned spawned = spawnCommand(argv, {}, {});
    ASSERT_TRUE(spawned.error) << argv.front();
    EXPECT_EQ(exitCode, spawned.error->exitCode) << argv.front();
    EXPECT_NE(std::string::npos, spawned.error->message.find(text)) << spawned.error->message;
    EXPECT_EQ(-1, waitpid(-1, nullptr, WNOHANG)) << "a child is left";
}

TEST(Command, RunsWithItsArgumentsAndTheEntriesAdded) {
    EXPECT_EQ(7, run({"sh", "-c", "test \"$0 $1 $LEADER_TERM\" = 'a b 42' && exit 7", "a", "b"},
                     {{"LEADER_TERM", "42"}}));
}

TEST(Command, AnEntryReplacesTheOneInheritedAndOnlyThat) {
    EXPECT_EQ(0, Forked([] {
                     setenv("LEADER_TERM", "1", 1);
                     setenv("LEADER_TERMINAL", "x", 1);
                     return run(shellCommand("test \"$LEADER_TERM $LEADER_TERMINAL\" = '2 x' && "
                                             "test $(env | grep -c LEADER_TERM=) = 1"),
                                {{"LEADER_TERM", "2"}});
                 }).exitCode());
}

TEST(Command, NotFoundIs127) {
    expectError({"no-such-command"}, 127, "'no-such-command' not found");
    expectError({"/no/such/command"}, 127, "'/no/such/command' not found");
    expectError({"/etc/passwd/command"}, 127, "not found");
    expectError({""}, 127, "''");
}

TEST(Command, ADirectoryIs126) {
    expectError({"/tmp"}, 126, "'/tmp': Is a directory");
}

TEST(Command, AFileThatIsNotExecutableIs126) {
    const TemporaryDirectory directory;
    expectError({makeFile(directory, "#!/bin/sh\n", 0644)}, 126, "Permission denied");
}

TEST(Command, AScriptWithoutShebangIs126) {
    if (test::kVforkIsFork) GTEST_SKIP() << test::kWhyFork;
    const TemporaryDirectory directory;
    expectError({makeFile(directory, "echo hello\n", 0755)}, 126, "neither a binary");
}

TEST(Command, AScriptWhoseInterpreterIsMissingIs126) {
    if (test::kVforkIsFork) GTEST_SKIP() << test::kWhyFork;
    const TemporaryDirectory directory;
    expectError({makeFile(directory, "#!/no/such/shell\n", 0755)}, 126, "its interpreter");
}

TEST(Command, ARelativeCommandInADeletedDirectoryIs127AndAnAbsoluteOneRuns) {
    EXPECT_EQ(0, Forked([] {
                     std::string path = "/tmp/leader-gone-XXXXXX";
                     if (mkdtemp(path.data()) == nullptr || chdir(path.c_str()) != 0) return 1;
                     rmdir(path.c_str());
                     const Spawned spawned = spawnCommand({"./command"}, {}, {});
                     if (!spawned.error || spawned.error->exitCode != 127) return 2;
                     return run(shellCommand("exit 0"));
                 }).exitCode());
}

TEST(Command, OutOfProcessesIsAnErrorAndNotAHang) {
    if (getuid() != 0) GTEST_SKIP() << "needs root, to become a user without other processes";
    EXPECT_EQ(0, Forked([] {
                     const rlimit one{1, 1};
                     constexpr uid_t kNobodyElse = 54321;
                     if (setrlimit(RLIMIT_NPROC, &one) != 0 || setuid(kNobodyElse) != 0) return 1;
                     const Spawned spawned = spawnCommand(shellCommand("exit 0"), {}, {});
                     if (!spawned.error || spawned.error->exitCode != 126) return 2;
                     return spawned.error->message.find("no process can be started") != std::string::npos ? 0
                                                                                                          : 3;
                 }).exitCode());
}

TEST(Command, TheCheckBeforehandSaysTheSame) {
    EXPECT_FALSE(checkCommand({"sh"}));
    EXPECT_EQ(127, checkCommand({"no-such-command"})->exitCode);
    EXPECT_EQ(126, checkCommand({"/tmp"})->exitCode);
}

TEST(Command, TheFirstExecutableInPathCounts) {
    EXPECT_EQ(0, Forked([] {
                     const TemporaryDirectory directory;
                     const std::string obstacle = directory / "sh";
                     std::ofstream(obstacle) << "not executable";
                     const std::string path = directory / "" + ":/no/such/directory:/bin";
                     setenv("PATH", path.c_str(), 1);
                     return run({"sh", "-c", "exit 0"});
                 }).exitCode());
}

TEST(Command, StartsWithTheMaskAndTheDispositionsThatWereInherited) {
    const TemporaryDirectory directory;
    const std::string after = directory / "after";
    // What a child of this test's parent would see is what this test itself was given, before Poco.
    const int code = Forked([&] {
                         signal(SIGUSR1, SIG_IGN);
                         sigset_t all;
                         sigfillset(&all);
                         sigprocmask(SIG_BLOCK, &all, nullptr);
                         return run(shellCommand("grep -E '^Sig(Blk|Ign)' /proc/self/status > " + after));
                     }).exitCode();
    EXPECT_EQ(0, code);
    unsigned long long blocked = 0;
    unsigned long long ignored = 0;
    for (int number = 1; number <= SIGRTMAX; ++number) {
        const unsigned long long bit = 1ULL << (number - 1);
        if (sigismember(&inherited().mask, number) == 1) blocked |= bit;
        if (sigismember(&inherited().ignored, number) == 1) ignored |= bit;
    }
    std::array<char, 80> expected{};
    snprintf(expected.data(), expected.size(), "SigBlk:\t%016llx\nSigIgn:\t%016llx\n", blocked, ignored);
    EXPECT_EQ(expected.data(), contentOf(after));
}

// The proxy raises the limit for itself; there are programs that close, or count on, as many as there may be.
TEST(Command, MayOpenAsManyDescriptorsAsWasInherited) {
    EXPECT_EQ(0, Forked([] {
                     rlimit limit = inherited().openFiles;
                     limit.rlim_cur = 32;
                     if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
                     const rlim_t given = inherited().openFiles.rlim_cur;
                     const std::string expected =
                         given == RLIM_INFINITY ? "unlimited" : std::to_string(given);
                     return run(shellCommand("test $(ulimit -S -n) = " + expected));
                 }).exitCode());
}

TEST(Command, HasNoDescriptorsButTheStandardOnes) {
    EXPECT_EQ(0, Forked([&] {
                     if (dup2(open("/dev/null", O_RDONLY), 57) != 57) return 1;
                     return run(shellCommand(
                         "for fd in 3 4 5 6 7 8 9 57; do test -e /proc/$$/fd/$fd && exit 2; done; "
                         "test -e /proc/$$/fd/0 && test -e /proc/$$/fd/2"));
                 }).exitCode());
}

// A socket that is closed here while the command still has it would go on raising events for who is not there
// any more. The many others make it likely that it is seen: the kernel closes one after another.
TEST(Command, HasNothingOfItsParentOpenOnceItIsStarted) {
    if (test::kVforkIsFork) GTEST_SKIP() << test::kWhyFork;
    constexpr int kOthers = 800;
    constexpr int kTimes = 50;
    std::vector<UniqueFd> others(kOthers);
    for (UniqueFd& each : others) each.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
    int held = 0;
    for (int i = 0; i < kTimes; ++i) {
        std::array<int, 2> ends{};
        ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
        const UniqueFd peer(ends[1]);
        const Spawned spawned = spawnCommand({"true"}, {}, {});
        close(ends[0]);
        char byte = 0;
        if (recv(peer.get(), &byte, 1, MSG_DONTWAIT) != 0) ++held;
        ASSERT_EQ(spawned.pid, waitpid(spawned.pid, nullptr, 0));
    }
    EXPECT_EQ(0, held);
}

TEST(Command, LeadsAProcessGroupOfItsOwn) {
    EXPECT_EQ(0, run(shellCommand("test $(cut -d ' ' -f 5 /proc/$$/stat) = $$")));
}

TEST(Command, DiesWithItsParentIfAsked) {
    std::array<int, 2> ends{};
    ASSERT_EQ(0, pipe(ends.data()));
    Forked parent([&] {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        SpawnOptions options;
        options.dieWithParent = true;
        if (spawnCommand(shellCommand("echo up; exec sleep 1000"), {}, options).error) return 1;
        pause();
        return 0;
    });
    close(ends[1]);
    std::array<char, 8> text{};
    EXPECT_EQ(3, read(ends[0], text.data(), text.size()));
    kill(parent.pid(), SIGKILL);
    // The end of the stream: nobody has the other end open any more, the command neither.
    EXPECT_EQ(0, read(ends[0], text.data(), text.size()));
    close(ends[0]);
}

TEST(Command, IsNotStartedWhereItsGuardIsGoneOrItsLeaseTooNearTheEnd) {
    if (test::kVforkIsFork) GTEST_SKIP() << test::kWhyFork;
    const TemporaryDirectory directory;
    const std::string started = directory / "started";
    for (const auto& [inTime, heard] :
         {std::pair(true, true), std::pair(false, true), std::pair(true, false)}) {
        std::array<int, 2> ends{};
        ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()));
        const UniqueFd mine(ends[0]);
        UniqueFd guards(ends[1]);
        if (!heard) guards.reset();
        SpawnOptions options;
        options.guard = mine.get();
        options.notAfter = Clock::system().now() + (inTime ? Duration(std::chrono::hours(1)) : Duration(0));
        const Spawned spawned = spawnCommand(shellCommand("touch " + started), {}, options);
        if (inTime && heard) {
            ASSERT_GT(spawned.pid, 0);
            guard::Message message{};
            EXPECT_EQ(static_cast<ssize_t>(sizeof message),
                      recv(guards.get(), &message, sizeof message, MSG_DONTWAIT));
            EXPECT_EQ(spawned.pid, message.command);
            EXPECT_EQ(spawned.pid, waitpid(spawned.pid, nullptr, 0));
            ASSERT_EQ(0, unlink(started.c_str()));
            continue;
        }
        EXPECT_EQ(-1, spawned.pid);
        EXPECT_EQ(!heard, spawned.guardGone);
        EXPECT_EQ(!heard, spawned.error.has_value()) << "that it is too late is for the lease to say";
        EXPECT_EQ(-1, waitpid(-1, nullptr, WNOHANG)) << "a child is left";
        EXPECT_NE(0, access(started.c_str(), F_OK));
    }
}

TEST(Command, ReplacesThisProcess) {
    EXPECT_EQ(
        9,
        Forked([] {
            const CommandError error = execCommand(shellCommand("exit $LEADER_TERM"), {{"LEADER_TERM", "9"}});
            return error.exitCode;
        }).exitCode());
    EXPECT_EQ(127, Forked([] { return execCommand({"no-such-command"}, {}).exitCode; }).exitCode());
}

TEST(Command, ExitCodesAreNumbersFrom0To255) {
    EXPECT_EQ(0, *parseExitCode("0"));
    EXPECT_EQ(255, *parseExitCode("255"));
    for (const char* text : {"", "256", "-1", "1x", "x", "99999999999"}) {
        const auto code = parseExitCode(text);
        ASSERT_FALSE(code) << text;
        EXPECT_NE(std::string::npos, code.error().message.find(text));
    }
}

}  // namespace
}  // namespace leader
