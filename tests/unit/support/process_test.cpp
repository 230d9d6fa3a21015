#include "tests/support/process.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/eventually.h"
#include "tests/support/network_namespaces.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

Process::Options shell(const std::string& script) {
    return {.command = {"sh", "-c", script}};
}

TEST(Process, KeepsOutputAndErrorsApartAndWhole) {
    Process process(shell("seq 1 100000; seq 1 50000 >&2; exit 7"));
    EXPECT_EQ(7, process.exitCode());
    EXPECT_EQ(100000, countLines(process.output()));
    EXPECT_EQ(50000, countLines(process.errors()));
    EXPECT_NE(std::string::npos, process.errors().find("\n50000\n"));
}

TEST(Process, ReportsTheSignalThatKilledIt) {
    Process process(shell("echo up; read line"));
    ASSERT_TRUE(process.waitForOutput("^up$"));
    EXPECT_TRUE(process.running());
    process.signal(SIGTERM);
    const auto exit = process.waitForExit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(SIGTERM, exit->signal);
    EXPECT_FALSE(exit->code);
}

TEST(Process, AWaitThatIsInVainEnds) {
    Process process(shell("echo up; read line"));
    EXPECT_FALSE(process.waitForOutput("down", 50ms));
    EXPECT_FALSE(process.waitForExit(1ms));
}

TEST(Process, SetsNameEnvironmentAndDirectory) {
    Process process({.command = {"sh", "-c", "echo $0 $COLOUR $LEADER_ENGINE; pwd"},
                     .environment = {{"COLOUR", "green"}},
                     .directory = "/usr"});
    EXPECT_EQ(0, process.exitCode());
    EXPECT_EQ("sh green\n/usr\n", process.output());
    Process named({.command = {"sleep", "--help"}, .name = "doze"});
    EXPECT_EQ(0, named.exitCode());
    EXPECT_NE(std::string::npos, named.output().find("doze"));
}

TEST(Process, InheritsNoDescriptors) {
    const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
    Process process({.command = {"sh", "-c", "ls /proc/self/fd"}});
    EXPECT_EQ(0, process.exitCode());
    EXPECT_EQ("0\n1\n2\n3\n", process.output()) << "3 is the listing's own";
    EXPECT_EQ(0, ::close(listening));
}

TEST(Process, TakesItsDescendantsWithIt) {
    pid_t grandchild = 0;
    {
        Process process(shell("sh -c 'echo $$; trap \"\" TERM HUP; sleep 1000 & wait' & wait"));
        ASSERT_TRUE(process.waitForOutput("\\d+\n"));
        grandchild = std::stoi(process.output());
        ASSERT_TRUE(eventually([&] { return descendants(grandchild).size() == 1; }));
        EXPECT_EQ(0, ::kill(grandchild, 0));
    }
    // Whoever inherits the orphan may take a moment to reap it.
    EXPECT_TRUE(eventually([&] { return ::kill(grandchild, 0) != 0 || descendants(grandchild).empty(); }));
}

TEST(NetworkNamespaces, MembersReachTheHubByNameFromTheirOwnAddress) {
    if (const auto why = NetworkNamespaces::unavailable()) GTEST_SKIP() << *why;
    const NetworkNamespaces network(2);
    for (int i = 0; i < 2; ++i) {
        const auto& member = network.member(i);
        Process process({.command = {"sh", "-c", "getent ahostsv4 rancher-metadata; ip route get $HUB"},
                         .environment = {{"HUB", network.hubAddress()}},
                         .networkNamespace = member.networkNamespace.get(),
                         .hostsFile = member.hostsFile});
        EXPECT_EQ(0, process.exitCode()) << process.errors();
        EXPECT_NE(std::string::npos, process.output().find(network.hubAddress()));
        EXPECT_NE(std::string::npos, process.output().find("src " + member.address));
    }
}

}  // namespace
}  // namespace leader::test
