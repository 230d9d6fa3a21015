#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e/proxy_rig.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

/// `leader proxy` without a service to find: what it does with signals does not depend on one.
Process::Options proxy(const std::string& before) {
    return {.command = {"sh", "-c", before + R"(; exec "$@")", "sh", leaderBinary(), "proxy", "--engine",
                        "file:/nonexistent", "--proxy-bind", loopback(1), "--service", "web/app", "8080:80"}};
}

TEST(ProxySignals, OneThatWasIgnoredAtTheStartEndsNothing) {
    Process process(proxy("trap '' HUP"));
    ASSERT_TRUE(process.waitForErrors("cannot tell"));
    process.signal(SIGHUP);
    // That it stops shows that it has taken notice: TERM, if it came along with HUP, would be its end for
    // both.
    process.signal(SIGTSTP);
    ASSERT_TRUE(eventually([&] { return stateOf(process.pid()) == 'T'; }));
    process.signal(SIGCONT);
    ASSERT_TRUE(eventually([&] { return stateOf(process.pid()) != 'T'; }));
    process.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, process.exitCode());
}

TEST(ProxySignals, EndItWith128AndTheSignal) {
    Process process(proxy("true"));
    ASSERT_TRUE(process.waitForErrors("cannot tell"));
    process.signal(SIGHUP);
    EXPECT_EQ(128 + SIGHUP, process.exitCode());
}

TEST(ProxySignals, SuspendItAndContinueIt) {
    Process process(proxy("true"));
    ASSERT_TRUE(process.waitForErrors("cannot tell"));
    process.signal(SIGTSTP);
    EXPECT_TRUE(eventually([&] { return stateOf(process.pid()) == 'T'; }));
    process.signal(SIGCONT);
    EXPECT_TRUE(eventually([&] { return stateOf(process.pid()) != 'T'; }));
    process.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, process.exitCode());
}

TEST(ProxySignals, AChildThatEndsIsReaped) {
    Process process(proxy("sleep 0 & sleep 1000 & true"));
    ASSERT_TRUE(process.waitForErrors("cannot tell"));
    const auto children = [&] { return descendants(process.pid()).size(); };
    ASSERT_TRUE(eventually([&] { return children() == 1; }));
    ::kill(descendants(process.pid()).at(0), SIGKILL);
    EXPECT_TRUE(eventually([&] { return children() == 0; }));
}

}  // namespace
}  // namespace leader::test
