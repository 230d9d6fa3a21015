// Where leader, its guard and the command are stopped together, as in a container that is paused, none of
// them can keep a promise. What the command writes is safe nevertheless where each write checks the term.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <sstream>

#include "tests/e2e/harness.h"
#include "tests/safety/crew.h"
#include "tests/support/etcd_server.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

// Writes for ever, each time under the condition that nothing was written under a newer term; terms are
// padded, as etcd compares text.
const std::string kFencedWriter = R"(
term=$(printf %020d "$LEADER_TERM")
next=$(printf %020d $((LEADER_TERM + 1)))
while :; do
    printf 'value("fence") < "%s"\n\nput fence %s\n\n\n' "$next" "$term" |
        ETCDCTL_API=3 etcdctl --endpoints "$ENDPOINTS" txn | grep -E 'SUCCESS|FAILURE'
done)";

TEST(SafetyOfAFrozenMember, NoWriteUnderAnOlderTermComesAfterOneUnderANewer) {
    EtcdServer etcd;
    etcd.ctl({"put", "fence", std::string(20, '0')});
    Process history({.command = etcd.ctlCommand({"watch", "fence", "--rev=1"})});
    auto options =
        run(etcd.url("frozen"), {"--ttl", "3s", "--grace-period", "0s"}, {"sh", "-c", kFencedWriter});
    options.environment["ENDPOINTS"] = etcd.endpoints();
    Process first(options);
    ASSERT_TRUE(first.waitForOutput("^SUCCESS")) << first.errors();
    Process second(options);

    const auto frozen = descendants(first.pid());
    first.signal(SIGSTOP);
    for (const pid_t pid : frozen) ::kill(pid, SIGSTOP);
    ASSERT_TRUE(second.waitForOutput("^SUCCESS", 20s)) << second.errors();
    EXPECT_EQ(0, countLines(first.output(), "FAILURE"));

    for (const pid_t pid : frozen)
        if (nameOf(pid) != "leader-guard") ::kill(pid, SIGCONT);
    EXPECT_TRUE(first.waitForOutput("^FAILURE")) << first.output();
    for (const pid_t pid : frozen) ::kill(pid, SIGCONT);
    EXPECT_TRUE(eventually([&] {
        return std::none_of(frozen.begin(), frozen.end(),
                            [](pid_t pid) { return nameOf(pid) != "leader-guard" && !hasEnded(pid); });
    })) << "the guard has not killed";
    first.signal(SIGCONT);
    EXPECT_TRUE(first.waitForErrors("nothing of the command is left")) << first.errors();
    EXPECT_TRUE(first.running());

    std::istringstream lines(history.output());
    std::string newest;
    int writes = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.size() != 20 || line.find_first_not_of("0123456789") != std::string::npos) continue;
        EXPECT_GE(line, newest);
        newest = line;
        ++writes;
    }
    EXPECT_GE(writes, 3);
}

}  // namespace
}  // namespace leader::test
