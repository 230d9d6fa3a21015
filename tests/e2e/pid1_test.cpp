#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <fstream>

#include "tests/e2e/placed.h"
#include "tests/support/sanitizer.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

/// The second of two members of an answers file, which leads when the first is gone.
class Supervision : public Placed {
  protected:
    void SetUp() override {
        Placed::SetUp();
        leads(true);
    }

    void leads(bool alone) const {
        Environment environment = service(2, 0);
        if (alone) environment.remove("web-app-1");
        saveAnswers(environment.answers(), directory_ / "answers.json");
    }

    std::vector<std::string> supervise(std::vector<std::string> options,
                                       const std::vector<std::string>& command) const {
        options.insert(options.end(), {"--self", "web-app-2"});
        return run("file:" + directory_ / "answers.json", options, command).command;
    }

    Process::Options command(const std::vector<std::string>& words,
                             const std::vector<std::string>& options = {}) const {
        return placed({.command = supervise(options, words)});
    }

    Process::Options script(const std::string& text, const std::vector<std::string>& options = {}) const {
        return command({"sh", "-c", text}, options);
    }

    /// What runs first, a shell script, and ends with `exec "$@"`.
    Process::Options after(const std::string& before, const std::vector<std::string>& words) const {
        std::vector<std::string> all = {"sh", "-c", before + R"(; exec "$@")", "sh"};
        all.insert(all.end(), words.begin(), words.end());
        return placed({.command = all});
    }

    TemporaryDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(As, Supervision, ::testing::Values(Place::kPid1, Place::kSubreaper), placeName);

/// Whether a signal has been sent to the process and not been taken yet; another one of its kind would be
/// lost.
bool isPending(pid_t pid, int signal) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);) {
        if (line.rfind("ShdPnd:", 0) == 0)
            return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1)) & 1;
    }
    return false;
}

// All that can be caught, but what is said of the end last: QUIT kills when TERM or INT came before.
std::vector<int> catchableSignals() {
    std::vector<int> all;
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
        const bool libraries = signal >= 32 && signal < SIGRTMIN;
        // The thread sanitizer's own thread may take what nobody else has unblocked.
        const bool runtimes = kRuntimesThreads > 0 && signal == SIGSYS;
        if (signal == SIGKILL || signal == SIGSTOP || signal == SIGCHLD || libraries || runtimes) continue;
        if (signal != SIGTERM && signal != SIGINT) all.push_back(signal);
    }
    all.insert(all.end(), {SIGINT, SIGTERM});
    return all;
}

TEST_P(Supervision, TenThousandOrphansLeaveNoZombie) {
    const auto ended = runToEnd(command({initProbe(), "orphans", "10000"}), 120s);
    EXPECT_EQ(0, ended.code) << ended.errors;
}

TEST_P(Supervision, EverySignalThatCanBeCaughtReachesTheCommandOnce) {
    const auto all = catchableSignals();
    // It ends after that many signals, so that one which comes twice pushes the last one out.
    Process process(command({initProbe(), "signals", std::to_string(all.size())}, {"--grace-period", "60s"}));
    ASSERT_TRUE(process.waitForOutput("^ready$")) << process.errors();
    std::string expected = "ready\n";
    for (const int signal : all) {
        ::kill(leaderOf(process), signal);
        ASSERT_TRUE(process.waitForOutput("^" + std::to_string(signal) + "$")) << process.errors();
        expected += std::to_string(signal) + "\n";
    }
    EXPECT_EQ(7, process.exitCode()) << process.errors();
    EXPECT_EQ(expected, process.output());
}

TEST_P(Supervision, AChldThatAProcessSendsReachesTheCommandAndThoseOfTheKernelDoNot) {
    Process process(command({initProbe(), "signals", "2"}, {"--grace-period", "60s"}));
    ASSERT_TRUE(process.waitForOutput("^ready$")) << process.errors();
    // A stop and its end are news to the parent, from the kernel.
    const pid_t leader = leaderOf(process);
    const pid_t pid = descendants(leader).at(0);
    ::kill(pid, SIGSTOP);
    ASSERT_TRUE(eventually([&] { return stateOf(pid) == 'T'; }));
    ::kill(pid, SIGCONT);
    ASSERT_TRUE(process.waitForOutput("^" + std::to_string(SIGCONT) + "$")) << process.errors();
    ASSERT_TRUE(eventually([&] { return !isPending(leader, SIGCHLD); }));
    ::kill(leader, SIGCHLD);
    EXPECT_EQ(7, process.exitCode());
    EXPECT_EQ("ready\n" + std::to_string(SIGCONT) + "\n" + std::to_string(SIGCHLD) + "\n", process.output());
}

TEST_P(Supervision, TheValueOfAQueuedSignalReachesTheCommand) {
    const std::vector<std::pair<int, int>> queued = {
        {SIGUSR1, 42}, {SIGRTMIN, 7}, {SIGRTMIN, -1}, {SIGRTMAX, INT_MAX}, {SIGTERM, 15}};
    Process process(
        command({initProbe(), "values", std::to_string(queued.size())}, {"--grace-period", "60s"}));
    ASSERT_TRUE(process.waitForOutput("^ready$")) << process.errors();
    std::string expected = "ready\n";
    for (const auto& [signal, value] : queued) {
        sigval carried{};
        carried.sival_int = value;
        ASSERT_EQ(0, ::sigqueue(leaderOf(process), signal, carried));
        const std::string line = std::to_string(signal) + " " + std::to_string(value);
        ASSERT_TRUE(process.waitForOutput("^" + line + "$")) << process.output() << process.errors();
        expected += line + "\n";
    }
    EXPECT_EQ(7, process.exitCode());
    EXPECT_EQ(expected, process.output());
}

TEST_P(Supervision, WithSignalGroupEverySignalReachesTheWholeGroupOnce) {
    const auto all = catchableSignals();
    Process process(command({initProbe(), "signals", std::to_string(all.size()), "both"},
                            {"--grace-period", "60s", "--signal-group"}));
    ASSERT_TRUE(process.waitForOutput("^ready$") && process.waitForOutput("^child ready$"));
    for (const int signal : all) {
        ::kill(leaderOf(process), signal);
        const std::string number = std::to_string(signal);
        ASSERT_TRUE(process.waitForOutput("^" + number + "$")) << number << process.errors();
        ASSERT_TRUE(process.waitForOutput("^child " + number + "$")) << process.errors();
    }
    EXPECT_EQ(7, process.exitCode()) << process.errors();
    EXPECT_EQ(static_cast<int>(2 * all.size() + 2), countLines(process.output()));
}

TEST_P(Supervision, ASignalFromBeforeTheStartPreventsIt) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        std::vector<std::string> words = {initProbe(), "pending", std::to_string(signal)};
        const auto supervised = supervise({}, {"echo", "started"});
        words.insert(words.end(), supervised.begin(), supervised.end());
        const auto ended = runToEnd(placed({.command = words}));
        EXPECT_EQ(128 + signal, ended.code) << ended.errors;
        EXPECT_EQ("", ended.output);
    }
}

TEST_P(Supervision, NoSignalIsLostAtAnyMomentOfTheStart) {
    if (pid1()) GTEST_SKIP() << "what unshare gets as process 1, before leader does, is not leader's";
    for (auto delay = 0us; delay < 12ms; delay += 400us) {
        Process process(command({"sh", "-c", kStay}, {"--grace-period", "60s"}));
        // The moment is what varies here, nothing is waited for.
        std::this_thread::sleep_for(delay);
        process.signal(SIGTERM);
        ASSERT_EQ(128 + SIGTERM, process.exitCode()) << delay.count() << " us\n" << process.errors();
    }
}

TEST_P(Supervision, TheCommandHasTheSignalsAndTheDirectoryThatLeaderWasGiven) {
    const std::string before = "trap '' PIPE HUP CHLD TSTP; cd '" + directory_ / "" + "'";
    const std::vector<std::string> tell = {"sh", "-c", "exec grep -E '^Sig(Blk|Ign)' /proc/self/status"};
    const std::vector<std::string> where = {"readlink", "/proc/self/cwd"};
    for (const auto& words : {tell, where}) {
        auto plain = after(before, words);
        auto supervised = after(before, supervise({}, words));
        plain.blockedSignals = supervised.blockedSignals = {SIGPIPE, SIGUSR2, SIGCHLD, SIGRTMIN + 3, SIGTERM};
        const auto expected = runToEnd(plain);
        const auto actual = runToEnd(supervised);
        EXPECT_EQ(0, actual.code) << actual.errors;
        ASSERT_FALSE(expected.output.empty());
        EXPECT_EQ(expected.output, actual.output);
    }
}

TEST_P(Supervision, TheCommandHasTheStandardDescriptorsOnly) {
    const auto ended =
        runToEnd(after("exec 5</dev/null 7>/dev/null", supervise({}, {"ls", "/proc/self/fd"})));
    // 3 is the directory that is listed.
    EXPECT_EQ("0\n1\n2\n3\n", ended.output) << ended.errors;
}

TEST_P(Supervision, TheCommandDiesWithALeaderThatIsKilled) {
    if (pid1()) GTEST_SKIP() << "the kernel kills a namespace with its process 1";
    Process process(script(kStay));
    ASSERT_TRUE(process.waitForOutput("^started"));
    const pid_t pid = descendants(process.pid()).at(0);
    process.signal(SIGKILL);
    EXPECT_TRUE(eventually([&] { return hasEnded(pid); }));
}

TEST_P(Supervision, StandingDownEndsWhatLeftTheGroupAndTheSession) {
    // One that is told and ends, one that does not listen, and a daemon whose parent is gone.
    const std::string polite =
        R"(setsid sh -c 'trap "echo told; exit" TERM; echo polite; while :; do sleep 0.1; done' &)";
    const std::string deaf = R"(setsid sh -c 'trap "" TERM; echo deaf; while :; do sleep 0.1; done' &)";
    const std::string daemon = "(setsid setsid -f sh -c 'echo daemon; exec sleep 1000' &)";
    Process process(script(polite + deaf + daemon + "; echo started; wait", {"--grace-period", "5s"}));
    for (const char* each : {"polite", "deaf", "daemon", "started"})
        ASSERT_TRUE(process.waitForOutput(std::string("^") + each + "$")) << each;
    const pid_t leader = leaderOf(process);
    leads(false);
    ASSERT_TRUE(process.waitForErrors("nothing of the command is left", 30s)) << process.errors();
    EXPECT_TRUE(descendants(leader).empty());
    EXPECT_EQ(1, countLines(process.output(), "^told$"));
    EXPECT_TRUE(process.running());
}

TEST_P(Supervision, AStoppedCommandIsContinuedSoThatItCanEnd) {
    Process process(script("trap 'echo end; exit 3' TERM; echo started; kill -STOP $$; " + kStay,
                           {"--grace-period", "60s"}));
    ASSERT_TRUE(process.waitForOutput("^started$"));
    const pid_t leader = leaderOf(process);
    const pid_t pid = descendants(leader).at(0);
    ASSERT_TRUE(eventually([&] { return stateOf(pid) == 'T'; }));
    ::kill(leader, SIGTERM);
    EXPECT_EQ(3, process.exitCode()) << process.errors();
    EXPECT_EQ(1, countLines(process.output(), "^end$"));
}

TEST_P(Supervision, ASecondTermDoesNotShortenTheGracePeriod) {
    // How long it is shows the fake clock of the state machine's tests; here QUIT ends it.
    Process process(script("trap '' QUIT; trap 'echo term' TERM; " + kStay, {"--grace-period", "60s"}));
    ASSERT_TRUE(process.waitForOutput("^started"));
    ::kill(leaderOf(process), SIGTERM);
    ASSERT_TRUE(process.waitForOutput("^term$"));
    ::kill(leaderOf(process), SIGTERM);
    ASSERT_TRUE(process.waitForOutput("^term\nterm$"));
    ::kill(leaderOf(process), SIGTERM);
    ASSERT_TRUE(process.waitForOutput("^term\nterm\nterm$")) << "the second one killed it";
    ::kill(leaderOf(process), SIGQUIT);
    EXPECT_EQ(128 + SIGKILL, process.exitCode());
}

TEST_P(Supervision, QuitEndsTheGracePeriodAtOnce) {
    Process process(script("trap '' QUIT; trap 'echo term' TERM; " + kStay, {"--grace-period", "10m"}));
    ASSERT_TRUE(process.waitForOutput("^started"));
    ::kill(leaderOf(process), SIGTERM);
    ASSERT_TRUE(process.waitForOutput("^term$"));
    ::kill(leaderOf(process), SIGQUIT);
    EXPECT_EQ(128 + SIGKILL, process.exitCode(20s));
}

TEST_P(Supervision, AnExpectedExitCodeBecomes0AndNoOther) {
    const std::vector<std::string> options = {"--expect-exit", "3", "--expect-exit", "143"};
    EXPECT_EQ(0, runToEnd(script("exit 3", options)).code);
    EXPECT_EQ(4, runToEnd(script("exit 4", options)).code);
    EXPECT_EQ(0, runToEnd(script("kill -TERM $$", options)).code);
    EXPECT_EQ(128 + SIGHUP, runToEnd(script("kill -HUP $$", options)).code);
}

TEST_P(Supervision, FlappingAHundredTimesNeverHasTwoCommandsAndEndsAsTheLastViewSays) {
    constexpr int kFlaps = 100;
    // Who holds the lock lives: its processes inherit it, and it goes with the last of them.
    const std::string locked = "exec 9>'" + directory_ / "lock" + "'; flock -n 9 || echo twice; " + kStay;
    Process process(script(locked, {"--grace-period", "60s"}));
    ASSERT_TRUE(process.waitForOutput("^started"));
    const pid_t leader = leaderOf(process);
    for (int flap = 1; flap <= kFlaps; ++flap) {
        const int before = starts(process);
        const bool leading = flap % 2 == 0;
        leads(leading);
        // Some are seen one by one; most come quicker than they can be followed.
        const bool seen = flap % 10 == 9 || flap % 10 == 0;
        ASSERT_TRUE(!seen || eventually([&] {
            return leading ? starts(process) > before : descendants(leader).empty();
        })) << process.errors();
    }
    EXPECT_GE(starts(process), kFlaps / 10);
    EXPECT_FALSE(descendants(leader).empty());
    leads(false);
    EXPECT_TRUE(eventually([&] { return descendants(leader).empty(); }));
    EXPECT_TRUE(process.running());
    EXPECT_EQ(0, countLines(process.output(), "twice"));
}

TEST_P(Supervision, UnknownSignalsAndExitCodesAreBadUsage) {
    const std::vector<std::vector<std::string>> cases = {
        {"--stop-signal", "NOPE"}, {"--stop-signal", "RTMIN+99"}, {"--stop-signal", "65"},
        {"--stop-signal", "0"},    {"--expect-exit", "256"},      {"--expect-exit", "-1"},
        {"--expect-exit", "ok"}};
    for (const auto& options : cases) {
        const auto ended = runToEnd(command({"echo", "started"}, options));
        EXPECT_EQ(2, ended.code) << options[1];
        EXPECT_TRUE(oneLine(ended.errors, options[0])) << options[1];
        EXPECT_EQ("", ended.output);
    }
}

TEST_P(Supervision, ADirectoryAndAScriptWithoutAShebangAre126) {
    if (kVforkIsFork) GTEST_SKIP() << kWhyFork;
    const std::string bare = directory_ / "bare";
    writeFile(bare, "echo started\n");
    ::chmod(bare.c_str(), 0755);
    for (const std::string& word : {bare, directory_ / ""}) {
        const auto ended = runToEnd(command({word}, {"--log-level", "error"}));
        EXPECT_EQ(126, ended.code);
        EXPECT_TRUE(oneLine(ended.errors, "cannot execute '" + word));
    }
}

TEST_P(Supervision, ADeletedWorkingDirectoryHindersNothingButARelativeCommand) {
    const std::string before = "mkdir '" + directory_ / "d" + "'; cd '" + directory_ / "d" + "'; rmdir ../d";
    const auto absolute = runToEnd(after(before, supervise({}, {"echo", "ran"})));
    EXPECT_EQ(0, absolute.code) << absolute.errors;
    EXPECT_EQ("ran\n", absolute.output);
    const auto relative = runToEnd(after(before, supervise({"--log-level", "error"}, {"./here"})));
    EXPECT_EQ(127, relative.code);
    EXPECT_TRUE(oneLine(relative.errors, "here"));
}

TEST_P(Supervision, WithoutAProcessLeftItSaysSoAndEnds) {
    if (kSanitized) GTEST_SKIP() << "a sanitizer needs a process to look for leaks";
    if (geteuid() != 0) GTEST_SKIP() << "only root becomes a user who has no other process";
    ::chmod((directory_ / "").c_str(), 0755);
    // The limit counts all processes of a user, so each run is a user of its own.
    const std::string user = std::to_string(100000 + getpid());
    // Room for leader and its thread, which count as two, and then not even for the second.
    for (const auto& [limit, code] : {std::pair{2, 126}, std::pair{1, 70}}) {
        const std::string limited = "ulimit -p " + std::to_string(limit);
        std::vector<std::string> words = {"setpriv", "--reuid", user, "--clear-groups"};
        const auto supervised = supervise({"--log-level", "error"}, {"echo", "started"});
        words.insert(words.end(), supervised.begin(), supervised.end());
        const auto ended = runToEnd(after(limited, words));
        EXPECT_EQ(code, ended.code);
        EXPECT_TRUE(oneLine(ended.errors, "process|thread|Resource"));
        EXPECT_EQ("", ended.output);
    }
}

}  // namespace
}  // namespace leader::test
