// What becomes of the command when the leader above it cannot keep its lease.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "tests/e2e/placed.h"
#include "tests/support/etcd_server.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

bool isGuard(pid_t pid) {
    return nameOf(pid) == "leader-guard";
}

/// Seconds of the boot-time clock, as the command writes them.
double uptime() {
    double seconds = 0;
    std::ifstream("/proc/uptime") >> seconds;
    return seconds;
}

double lastTimeIn(const std::string& output) {
    double last = 0;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);)
        last = std::max(last, std::strtod(line.c_str(), nullptr));
    return last;
}

/// The only member of an election over etcd.
class Lease : public Placed {
  protected:
    Process::Options member(const std::vector<std::string>& options, const std::string& script) const {
        return placed(runScript(etcd_.url("lease"), options, script));
    }

    static std::vector<pid_t> guardsOf(pid_t leader) {
        auto all = descendants(leader);
        all.erase(std::remove_if(all.begin(), all.end(), [](pid_t pid) { return !isGuard(pid); }), all.end());
        return all;
    }

    static std::vector<pid_t> commandOf(pid_t leader) {
        auto all = descendants(leader);
        all.erase(std::remove_if(all.begin(), all.end(), isGuard), all.end());
        return all;
    }

    /// A member whose command runs.
    std::unique_ptr<Process> leading() const {
        auto process = std::make_unique<Process>(member({"--ttl", "60s"}, kStay));
        EXPECT_TRUE(process->waitForOutput("^started")) << process->errors();
        return process;
    }

    /// A member behind another one, with its guard.
    std::unique_ptr<Process> waiting() const {
        auto process = std::make_unique<Process>(member({"--ttl", "60s"}, kStay));
        EXPECT_TRUE(process->waitForErrors("leads")) << process->errors();
        EXPECT_TRUE(eventually([&] { return guardsOf(leaderOf(*process)).size() == 1; }));
        return process;
    }

    EtcdServer etcd_;
};

INSTANTIATE_TEST_SUITE_P(As, Lease, ::testing::Values(Place::kPid1, Place::kSubreaper), placeName);

TEST_P(Lease, TheCommandOfALeaderThatIsStoppedIsDeadAtItsEndAndStartedAnewAfterwards) {
    const std::string live = "while :; do read time rest < /proc/uptime; echo $time; sleep 0.02; done";
    Process process(member({"--ttl", "3s", "--grace-period", "0s"},
                           "trap '' TERM; echo started; setsid sh -c '" + live + "' & " + live));
    ASSERT_TRUE(process.waitForOutput("^started$")) << process.errors();
    const pid_t leader = leaderOf(process);
    EXPECT_TRUE(eventually([&] { return commandOf(leader).size() >= 2; }));
    ::kill(leader, SIGSTOP);
    const double stopped = uptime();
    EXPECT_TRUE(eventually([&] {
        const auto command = commandOf(leader);
        return std::all_of(command.begin(), command.end(), hasEnded);
    }));
    EXPECT_EQ(1, starts(process));
    EXPECT_LT(lastTimeIn(process.output()), stopped + 3);
    ::kill(leader, SIGCONT);
    EXPECT_TRUE(process.waitForOutput("^started$[^]*^started$")) << process.errors();
    EXPECT_TRUE(process.running());
}

TEST_P(Lease, AGuardThatIsKilledIsReplacedAndTheCommandRunsOn) {
    const auto process = leading();
    const pid_t leader = leaderOf(*process);
    const auto guards = guardsOf(leader);
    ASSERT_EQ(1U, guards.size());
    const auto command = commandOf(leader);
    // One that is killed as soon as it is there is taken for one that cannot live.
    std::this_thread::sleep_for(1100ms);
    ::kill(guards[0], SIGKILL);
    ASSERT_TRUE(process->waitForErrors("the guard process was ended: starting another"));
    EXPECT_TRUE(eventually([&] { return guardsOf(leader).size() == 1 && guardsOf(leader) != guards; }));
    EXPECT_EQ(command, commandOf(leader));
}

TEST_P(Lease, AMemberThatWaitsHasTheGuardThatItLeadsWith) {
    const auto first = leading();
    const auto second = waiting();
    const auto guards = guardsOf(leaderOf(*second));
    first->closeInput();
    EXPECT_EQ(0, first->exitCode()) << first->errors();
    ASSERT_TRUE(second->waitForOutput("^started")) << second->errors();
    EXPECT_EQ(guards, guardsOf(leaderOf(*second)));
    second->closeInput();
    EXPECT_EQ(0, second->exitCode()) << second->errors();
    for (const pid_t guard : guards) EXPECT_TRUE(eventually([&] { return hasEnded(guard); }));
}

TEST_P(Lease, AGuardThatIsKilledWhileItsMemberWaitsIsMissed) {
    const auto first = leading();
    const auto second = waiting();
    const pid_t leader = leaderOf(*second);
    const auto guards = guardsOf(leader);
    for (const pid_t guard : guards) ::kill(guard, SIGKILL);
    EXPECT_TRUE(eventually([&] { return guardsOf(leader) != guards; }));
    first->closeInput();
    ASSERT_TRUE(second->waitForOutput("^started")) << second->errors();
    EXPECT_EQ(1U, guardsOf(leader).size());
    EXPECT_EQ(0, countLines(second->errors(), "guard")) << second->errors();
}

TEST_P(Lease, TheGuardOfAMemberThatWaitsEndsWithIt) {
    const auto first = leading();
    for (const int signal : {SIGTERM, SIGKILL}) {
        const auto second = waiting();
        const auto guards = guardsOf(leaderOf(*second));
        ::kill(leaderOf(*second), signal);
        for (const pid_t guard : guards) EXPECT_TRUE(eventually([&] { return hasEnded(guard); }));
    }
}

TEST_P(Lease, LeavesNoGuardBehindAndPassesTheExitCodeOn) {
    Process process(member({"--ttl", "60s"}, "(setsid sleep 0.1 &); exit 42"));
    EXPECT_EQ(42, process.exitCode()) << process.errors();
    EXPECT_TRUE(eventually([] {
        const auto all = descendants(getpid());
        return std::none_of(all.begin(), all.end(), isGuard);
    }));
}

TEST_P(Lease, TheGuardEndsWithALeaderThatIsKilled) {
    const auto process = leading();
    const auto all = descendants(leaderOf(*process));
    ::kill(leaderOf(*process), SIGKILL);
    for (const pid_t pid : all) EXPECT_TRUE(eventually([&] { return hasEnded(pid); })) << nameOf(pid);
}

TEST_P(Lease, ALostOneEndsWith75WhereAskedFor) {
    Process process(member({"--ttl", "60s", "--on-loss", "exit"}, "trap '' TERM; " + kStay));
    ASSERT_TRUE(process.waitForOutput("^started")) << process.errors();
    const auto keys = etcd_.keys("lease/");
    ASSERT_EQ(1U, keys.size());
    etcd_.ctl({"lease", "revoke", keys[0].substr(keys[0].rfind('/') + 1)});
    // Long before the grace period of 10 s is over.
    EXPECT_EQ(75, process.exitCode(5s)) << process.errors();
}

}  // namespace
}  // namespace leader::test
