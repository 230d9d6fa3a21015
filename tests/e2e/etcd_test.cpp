// Elections over a real etcd, alone and together with etcdctl elect.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "tests/e2e/harness.h"
#include "tests/support/etcd_server.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

/// So long that nothing that a test sees can be the end of a lease.
const std::vector<std::string> kLong = {"--ttl", "60s"};
const std::vector<std::string> kShort = {"--ttl", "4s", "--grace-period", "500ms"};

std::vector<std::string> with(std::vector<std::string> options, const std::vector<std::string>& more) {
    options.insert(options.end(), more.begin(), more.end());
    return options;
}

Process::Options member(const EtcdServer& etcd, const std::string& self, std::vector<std::string> options,
                        const std::string& name = "db") {
    return run(etcd.url(name), with(std::move(options), {"--self", self}));
}

bool follows(Process& process, const std::string& leader) {
    return process.waitForErrors("follower in .*: " + leader + " leads");
}

/// The lease of a key, in hexadecimal.
std::string leaseOf(const std::string& key) {
    return key.substr(key.rfind('/') + 1);
}

std::string termIn(const Process& process) {
    const std::string output = process.output();
    const auto at = output.rfind("started ");
    return at == std::string::npos ? "" : output.substr(at + 8, output.find('\n', at) - at - 8);
}

/// A member that waits has a guard below it, too.
bool runsTheCommand(const Process& process) {
    const auto below = descendants(process.pid());
    return std::any_of(below.begin(), below.end(), [](pid_t pid) {
        const std::string name = nameOf(pid);
        return name == "sh" || name == "cat";
    });
}

/// The command of README.md that saves a state under its term, with its argument.
std::string fencedWrite() {
    std::ifstream readme(sourceFile("README.md"));
    std::string text;
    bool inside = false;
    for (std::string line; std::getline(readme, line);) {
        inside = line == "    # save STATE" || (inside && (line.empty() || line.rfind("    ", 0) == 0));
        if (inside) text += (line.empty() ? "" : line.substr(4)) + "\n";
    }
    return text;
}

TEST(Etcd, OneLeadsAndTheNextOneFollowsItAtOnceWhenItLeaves) {
    const EtcdServer etcd;
    Process first(member(etcd, "first", kLong));
    ASSERT_TRUE(first.waitForOutput("^started"));
    Process second(member(etcd, "second", kLong));
    ASSERT_TRUE(follows(second, "first"));
    Process third(member(etcd, "third", kLong));
    ASSERT_TRUE(follows(third, "first"));
    EXPECT_EQ(3U, etcd.keys("db/").size());
    first.closeInput();
    EXPECT_EQ(0, first.exitCode());
    EXPECT_TRUE(second.waitForOutput("^started")) << second.errors();
    EXPECT_TRUE(third.waitForErrors("second leads"));
    EXPECT_EQ(2U, etcd.keys("db/").size());
    second.signal(SIGTERM);
    EXPECT_TRUE(third.waitForOutput("^started")) << second.errors() << third.errors();
    EXPECT_LT(std::stoll(termIn(first)), std::stoll(termIn(second)));
    EXPECT_LT(std::stoll(termIn(second)), std::stoll(termIn(third)));
}

TEST(Etcd, AMemberThatWaitsLeavesNoKeyBehindEither) {
    const EtcdServer etcd;
    Process first(member(etcd, "first", kLong));
    ASSERT_TRUE(first.waitForOutput("^started"));
    Process second(member(etcd, "second", kLong));
    ASSERT_TRUE(follows(second, "first"));
    second.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, second.exitCode());
    EXPECT_EQ(1U, etcd.keys("db/").size());
    EXPECT_EQ(1, starts(first));
}

TEST(Etcd, TheLeaseIsGivenBackOnlyOnceNothingOfTheCommandIsLeft) {
    const EtcdServer etcd;
    const TemporaryDirectory directory;
    // What the command leaves behind needs half a second to end, and then says so.
    const std::string left = "setsid sh -c 'trap \"sleep 0.5; echo >" + (directory / "gone") +
                             "; exit\" TERM; echo >" + (directory / "up") + "; sleep 60 & wait' & ";
    Process first(runScript(etcd.url("db"), with(kLong, {"--self", "first"}), left + kStay));
    ASSERT_TRUE(first.waitForOutput("^started"));
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(directory / "up"); }));
    Process second(runScript(etcd.url("db"), with(kLong, {"--self", "second"}),
                             "test -e " + (directory / "gone") + " && echo after; echo started"));
    ASSERT_TRUE(follows(second, "first"));
    first.signal(SIGTERM);
    EXPECT_EQ(0, second.exitCode());
    EXPECT_EQ("after\nstarted\n", second.output());
}

TEST(Etcd, AMemberThatIsKilledIsFollowedWhenItsLeaseHasEnded) {
    const EtcdServer etcd;
    Process first(member(etcd, "first", kShort));
    ASSERT_TRUE(first.waitForOutput("^started"));
    Process second(member(etcd, "second", kShort));
    ASSERT_TRUE(follows(second, "first"));
    first.signal(SIGKILL);
    EXPECT_TRUE(second.waitForOutput("^started", 20s)) << second.errors();
}

TEST(Etcd, ARevokedLeaderStandsDownAndJoinsAsTheLast) {
    const EtcdServer etcd;
    const TemporaryDirectory directory;
    // It ignores TERM; that it lives is a lock that the next one wants.
    const std::string script =
        "exec 9>" + (directory / "lock") + "; flock -n 9 || echo two at once; trap '' TERM; " + kStay;
    Process first(runScript(etcd.url("db"), with(kLong, {"--self", "first"}), script));
    ASSERT_TRUE(first.waitForOutput("^started"));
    Process second(runScript(etcd.url("db"), with(kLong, {"--self", "second"}), script));
    ASSERT_TRUE(follows(second, "first"));
    etcd.ctl({"lease", "revoke", leaseOf(etcd.keys("db/").at(0))});
    ASSERT_TRUE(second.waitForOutput("^started")) << second.errors();
    EXPECT_TRUE(follows(first, "second")) << first.errors();
    EXPECT_EQ(1, countLines(first.errors(), "was revoked, or has ended|has lost its key")) << first.errors();
    EXPECT_EQ(0, countLines(second.output(), "two at once"));
    ASSERT_EQ(2U, etcd.keys("db/").size());
    etcd.ctl({"lease", "revoke", leaseOf(etcd.keys("db/").at(0))});
    EXPECT_TRUE(first.waitForOutput("^started \\d+\n(.*\n)*started")) << first.errors();
    EXPECT_EQ(0, countLines(first.output(), "two at once"));
}

TEST(Etcd, ADeletedKeyIsALostLeadership) {
    const EtcdServer etcd;
    Process first(member(etcd, "first", kLong));
    ASSERT_TRUE(first.waitForOutput("^started"));
    const std::string term = termIn(first);
    etcd.ctl({"del", etcd.keys("db/").at(0)});
    // Alone, it is the next one, too.
    ASSERT_TRUE(first.waitForOutput("^started \\d+\nstarted \\d+")) << first.errors();
    EXPECT_LT(std::stoll(term), std::stoll(termIn(first)));
}

TEST(Etcd, CheckLooksAndNeverJoins) {
    const EtcdServer etcd;
    Process first(member(etcd, "first", with(kLong, {"--self-address", "10.1.2.3"})));
    ASSERT_TRUE(first.waitForOutput("^started"));
    Process second(member(etcd, "second", kLong));
    ASSERT_TRUE(follows(second, "first"));
    EXPECT_EQ(0, check(etcd.url("db"), {"--self", "first"}).code);
    EXPECT_EQ(0, check(etcd.url("db"), {"--self", "10.1.2.3"}).code);
    EXPECT_EQ(1, check(etcd.url("db"), {"--self", "second"}).code);
    const auto stranger = check(etcd.url("db"), {"--self", "stranger"});
    EXPECT_EQ(3, stranger.code);
    EXPECT_TRUE(oneLine(stranger.errors, "stranger"));
    EXPECT_EQ(2U, etcd.keys("db/").size());
}

TEST(Etcd, StatusLooksAndNeverJoins) {
    const EtcdServer etcd;
    Process first(member(etcd, "first", with(kLong, {"--self-address", "127.0.0.1"})));
    ASSERT_TRUE(first.waitForOutput("^started"));
    const auto status = runToEnd(leader({"status", "--self", "first"}, etcd.url("db")));
    EXPECT_EQ(0, status.code) << status.errors;
    EXPECT_EQ(1, countLines(status.output, "^role +leader")) << status.output;
    EXPECT_EQ(1, countLines(status.output, "^leader .*first, 127.0.0.1")) << status.output;
    EXPECT_EQ(1U, etcd.keys("db/").size());
}

TEST(Etcd, AWatchThatACompactionHasOvertakenIsCaughtUpWith) {
    EtcdServer etcd;
    Process first(member(etcd, "first", kLong));
    ASSERT_TRUE(first.waitForOutput("^started"));
    Process second(member(etcd, "second", kLong));
    ASSERT_TRUE(follows(second, "first"));
    second.signal(SIGSTOP);
    // Its watch is gone, and what it would be resumed with soon is, too.
    etcd.signal(0, SIGKILL);
    etcd.start(0);
    ASSERT_TRUE(etcd.awaitHealthy());
    first.closeInput();
    EXPECT_EQ(0, first.exitCode(20s)) << first.errors();
    etcd.ctl({"put", "other", "1"});
    const std::string said = etcd.ctl({"get", "other", "-w", "json"});
    const auto at = said.find("\"revision\":");
    ASSERT_NE(std::string::npos, at) << said;
    etcd.ctl({"compact", std::to_string(std::stoll(said.substr(at + 11)))});
    second.signal(SIGCONT);
    EXPECT_TRUE(second.waitForOutput("^started", 20s)) << second.errors();
    EXPECT_EQ(1U, etcd.keys("db/").size());
}

TEST(Etcd, TheReadmesWriteChangesNothingUnderAnOlderTerm) {
    const EtcdServer etcd;
    const std::string script = fencedWrite();
    ASSERT_NE(std::string::npos, script.find("etcdctl txn")) << script;
    const auto save = [&](const std::string& term, const std::string& state) {
        Process writer(
            {.command = {"sh", "-c", script, "save", state},
             .environment = {
                 {"LEADER_TERM", term}, {"ETCDCTL_API", "3"}, {"ETCDCTL_ENDPOINTS", etcd.endpoints()}}});
        return writer.exitCode();
    };
    EXPECT_EQ(0, save("9", "of nine"));
    EXPECT_EQ(0, save("12", "of twelve"));
    EXPECT_EQ(1, save("9", "of nine again"));
    EXPECT_EQ("jobs/state\nof twelve\n", etcd.ctl({"get", "jobs/state"}));
}

TEST(Etcd, ANameIsAnyBytes) {
    const EtcdServer etcd;
    Process first(run(etcd.url("a%20b%2Fc?%22"), with(kLong, {"--self", "x \"y\""}),
                      {"sh", "-c", "echo \"$LEADER_GROUP|$LEADER_NAME|$LEADER_ADDRESS\"; cat >/dev/null"}));
    EXPECT_TRUE(first.waitForOutput("^a b/c\\?\"\\|x \"y\"\\|127.0.0.1$")) << first.output();
    EXPECT_EQ(1U, etcd.keys("a b/c?\"/").size());
}

TEST(Etcd, AbsentAtTheStartIsWaitedForWithOneLine) {
    EtcdServer etcd;
    etcd.signal(0, SIGTERM);
    Process first(member(etcd, "first", kLong));
    ASSERT_TRUE(first.waitForErrors("connection refused"));
    etcd.start(0);
    EXPECT_TRUE(first.waitForOutput("^started", 20s)) << first.errors();
    EXPECT_EQ(1, countLines(first.errors(), "cannot tell who leads")) << first.errors();
}

TEST(Etcd, EmptiedAndMadeAnewItIsAnotherElection) {
    EtcdServer etcd;
    Process first(member(etcd, "first", kLong));
    ASSERT_TRUE(first.waitForOutput("^started"));
    Process second(member(etcd, "second", kLong));
    ASSERT_TRUE(follows(second, "first"));
    etcd.signal(0, SIGKILL);
    etcd.wipe();
    etcd.start(0);
    ASSERT_TRUE(etcd.awaitHealthy());
    ASSERT_TRUE(eventually([&] { return etcd.keys("db/").size() == 2; }, 30s));
    // Which of the two is first now is open; exactly one runs the command.
    EXPECT_TRUE(eventually([&] { return runsTheCommand(first) != runsTheCommand(second); }, 20s))
        << first.errors() << second.errors();
}

TEST(EtcdCluster, TheNextEndpointTakesOverAtOnce) {
    EtcdServer etcd({.members = 3});
    Process first(member(etcd, "first", kLong));
    ASSERT_TRUE(first.waitForOutput("^started"));
    Process second(member(etcd, "second", kLong));
    ASSERT_TRUE(follows(second, "first"));
    // Both use the first endpoint.
    etcd.signal(0, SIGKILL);
    first.closeInput();
    EXPECT_EQ(0, first.exitCode());
    EXPECT_TRUE(second.waitForOutput("^started", 20s)) << second.errors();
    EXPECT_EQ(1U, etcd.keys("db/").size());
}

TEST(EtcdCluster, EndpointsThatFailOneAfterAnotherEndNoLeadership) {
    EtcdServer etcd({.members = 3});
    const std::vector<std::string> ttl = {"--ttl", "60s", "--grace-period", "0s"};
    Process first(member(etcd, "first", ttl));
    ASSERT_TRUE(first.waitForOutput("^started"));
    const std::string term = termIn(first);
    Process second(member(etcd, "second", ttl));
    ASSERT_TRUE(follows(second, "first"));
    for (int failing = 0; failing < 3; ++failing) {
        etcd.signal(failing, SIGKILL);
        // News come by another one meanwhile.
        Process third(member(etcd, "third", ttl));
        EXPECT_TRUE(follows(third, "first")) << third.errors();
        third.signal(SIGTERM);
        EXPECT_EQ(128 + SIGTERM, third.exitCode()) << third.errors();
        etcd.start(failing);
        ASSERT_TRUE(etcd.awaitHealthy());
    }
    EXPECT_EQ(1, starts(first)) << first.errors();
    first.closeInput();
    EXPECT_EQ(0, first.exitCode()) << first.errors();
    EXPECT_TRUE(second.waitForOutput("^started", 20s)) << second.errors();
    EXPECT_LT(std::stoll(term), std::stoll(termIn(second)));
    EXPECT_EQ(1U, etcd.keys("db/").size());
}

TEST(EtcdCluster, WithoutAQuorumTheCommandEndsBeforeItsLeaseAndComesBackAfterwards) {
    EtcdServer etcd({.members = 3});
    Process first(runScript(etcd.url("db"), kShort, "trap 'echo stopped; exit 0' TERM; " + kStay));
    ASSERT_TRUE(first.waitForOutput("^started"));
    etcd.signal(1, SIGKILL);
    etcd.signal(2, SIGKILL);
    ASSERT_TRUE(first.waitForOutput("^stopped", 20s)) << first.errors();
    EXPECT_TRUE(eventually([&] { return descendants(first.pid()).empty(); }));
    EXPECT_TRUE(first.running());
    etcd.start(1);
    etcd.start(2);
    EXPECT_TRUE(first.waitForOutput("^started \\d+\nstopped\nstarted", 30s)) << first.errors();
}

TEST(EtcdCluster, AnEndpointThatHangsIsLeftBeforeTheLeaseIsInDanger) {
    EtcdServer etcd({.members = 3});
    Process first(member(etcd, "first", with(kShort, {"--on-loss", "exit"})));
    ASSERT_TRUE(first.waitForOutput("^started"));
    const double before = etcd.metric(1, "grpc_server_handled_total", "LeaseKeepAlive") +
                          etcd.metric(2, "grpc_server_handled_total", "LeaseKeepAlive");
    etcd.signal(0, SIGSTOP);
    ASSERT_TRUE(eventually(
        [&] {
            return etcd.metric(1, "grpc_server_handled_total", "LeaseKeepAlive") +
                       etcd.metric(2, "grpc_server_handled_total", "LeaseKeepAlive") >=
                   before + 4;
        },
        30s));
    EXPECT_TRUE(first.running()) << first.errors();
    EXPECT_EQ(1, starts(first));
    etcd.signal(0, SIGCONT);
}

TEST(EtcdctlElect, WaitsWhileOursLeadsAndOursFollowsIt) {
    const EtcdServer etcd;
    Process ours(member(etcd, "ours", kLong));
    ASSERT_TRUE(ours.waitForOutput("^started"));
    Process theirs({.command = etcd.ctlCommand({"elect", "db", "10.0.0.5"})});
    ASSERT_TRUE(eventually([&] { return etcd.keys("db/").size() == 2; }));
    Process last(member(etcd, "last", kLong));
    ASSERT_TRUE(follows(last, "ours"));
    EXPECT_EQ("", theirs.output());
    ours.closeInput();
    EXPECT_TRUE(theirs.waitForOutput("^db/[0-9a-f]+\n10.0.0.5$")) << theirs.output() << theirs.errors();
    EXPECT_TRUE(follows(last, "10.0.0.5"));
    EXPECT_EQ(0, starts(last));
    theirs.signal(SIGINT);
    EXPECT_TRUE(last.waitForOutput("^started")) << last.errors();
}

TEST(EtcdctlElect, ListensToOurs) {
    const EtcdServer etcd;
    Process listener({.command = etcd.ctlCommand({"elect", "-l", "db"})});
    Process ours(member(etcd, "ours", with(kLong, {"--self-address", "10.1.2.3"})));
    EXPECT_TRUE(listener.waitForOutput(
        R"re(^db/[0-9a-f]+\n\{"name":"ours","address":"10.1.2.3","uuid":"[0-9a-f-]{36}"\}$)re"))
        << listener.output() << listener.errors();
}

}  // namespace
}  // namespace leader::test
