// A service as it runs: members that are alone on their machines, with addresses of their own, and the server
// under its own name.

#include <gtest/gtest.h>

#include "tests/e2e/harness.h"
#include "tests/support/name_server.h"
#include "tests/support/network_namespaces.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr int kHosts = 3;

class Network : public ::testing::Test {
  protected:
    void SetUp() override {
        if (const auto why = NetworkNamespaces::unavailable()) GTEST_SKIP() << *why;
        network_ = std::make_unique<NetworkNamespaces>(kHosts);
        environment_ = service(kHosts, 0);
        for (int i = 0; i < kHosts; ++i) {
            environment_.container("web-app-" + std::to_string(i + 1)).address = network_->member(i).address;
        }
        server_ = std::make_unique<MetadataServer>(
            environment_.answers(),
            MetadataServer::Options{.address = "0.0.0.0", .port = 80, .networkNamespace = network_->hub()});
    }

    Process::Options member(int index, std::vector<std::string> options = {},
                            const std::vector<std::string>& command = kCommand) const {
        options.insert(options.begin(), "run");
        options.insert(options.end(), command.begin(), command.end());
        auto out = leader(options);
        out.networkNamespace = network_->member(index).networkNamespace.get();
        out.hostsFile = network_->member(index).hostsFile;
        return out;
    }

    std::unique_ptr<NetworkNamespaces> network_;
    Environment environment_;
    std::unique_ptr<MetadataServer> server_;
};

TEST_F(Network, OneOfThreeMembersLeadsAndTheNextTakesOver) {
    std::vector<std::unique_ptr<Process>> members;
    members.reserve(3);
    for (int i = 0; i < kHosts; ++i) members.push_back(std::make_unique<Process>(member(i)));
    ASSERT_TRUE(members[0]->waitForOutput("^started 1$")) << members[0]->errors();
    ASSERT_TRUE(eventually([&] { return server_->waiting() == kHosts; }));
    EXPECT_EQ(0, starts(*members[1]) + starts(*members[2]));

    members[0].reset();
    server_->reload(environment_.remove("web-app-1").answers());
    ASSERT_TRUE(members[1]->waitForOutput("^started 2$")) << members[1]->errors();
    ASSERT_TRUE(eventually([&] { return server_->waiting() == kHosts - 1; }));
    EXPECT_EQ(0, starts(*members[2]));

    environment_.container("web-app-2").state = std::string("stopping");
    server_->reload(environment_.answers());
    EXPECT_TRUE(members[2]->waitForOutput("^started 3$")) << members[2]->errors();
}

TEST_F(Network, CheckTellsEachMemberItsOwnRole) {
    for (int i = 0; i < kHosts; ++i) {
        auto options = leader({"check"});
        options.networkNamespace = network_->member(i).networkNamespace.get();
        options.hostsFile = network_->member(i).hostsFile;
        EXPECT_EQ(i == 0 ? 0 : 1, runToEnd(options).code);
    }
}

TEST_F(Network, WhereTheNameDoesNotResolveTheServersWellKnownAddressDoes) {
    auto options = leader({"check"});
    options.networkNamespace = network_->member(0).networkNamespace.get();
    const auto ended = runToEnd(options);
    EXPECT_EQ(0, ended.code) << ended.errors;
}

/// In the hub, where a name server is.
class Names : public Network {
  protected:
    void SetUp() override {
        Network::SetUp();
        if (IsSkipped()) return;
        nameServer_ = std::make_unique<NameServer>(
            network_->hub(), std::map<std::string, std::string>{{"metadata.internal", "169.254.169.250"},
                                                                {"silence.internal", ""},
                                                                {"rancher-metadata", ""}});
    }

    Ended checkAt(const std::string& engine, const std::string& timeout,
                  const std::string& resolver = "nameserver 127.0.0.1\n") const {
        writeFile(folder_ / "resolv.conf", resolver);
        auto options = leader({"check", "--self", "web-app-1", "--timeout", timeout, "--engine", engine});
        const std::string enter =
            "mount --bind " + (folder_ / "resolv.conf") + " /etc/resolv.conf; exec \"$@\"";
        const std::vector<std::string> command = {"unshare", "--mount", "sh", "-c", enter, "sh"};
        options.command.insert(options.command.begin(), command.begin(), command.end());
        options.networkNamespace = network_->hub();
        return runToEnd(options);
    }

    TemporaryDirectory folder_;
    std::unique_ptr<NameServer> nameServer_;
};

TEST_F(Names, AreLookedUp) {
    const auto ended = checkAt("http://metadata.internal/", "10s");
    EXPECT_EQ(0, ended.code) << ended.errors;
    EXPECT_FALSE(nameServer_->asked().empty());
}

TEST_F(Names, ThatDoNotExistAreNamed) {
    const auto ended = checkAt("http://nowhere.internal/", "1s");
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "the host name 'nowhere.internal' could not be found; check it"))
        << ended.errors;
}

TEST_F(Names, ThatNoServerAnswersForAreNamedBeforeTheTimeoutIsOver) {
    // The resolver itself would wait for 5 s, twice.
    const auto start = std::chrono::steady_clock::now();
    const auto ended = checkAt("http://silence.internal/", "1s");
    EXPECT_LT(std::chrono::steady_clock::now() - start, patience(4s));
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(
        oneLine(ended.errors, "no name server has answered for the host name 'silence.internal' in time"))
        << ended.errors;
}

TEST_F(Names, ThatNobodyCanBeAskedForAreNamed) {
    const auto ended = checkAt("http://metadata.internal/", "1s", "nameserver 127.0.0.9\n");
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "host name 'metadata.internal'")) << ended.errors;
    EXPECT_EQ(0, countLines(ended.errors, "I/O error|-1"));
}

TEST_F(Names, TheMetadatasWellKnownAddressIsTriedInTimeWhereItsNameIsNotAnswered) {
    // The resolver itself would wait for 5 s, twice.
    const auto ended = checkAt("http://rancher-metadata/", "3s");
    EXPECT_EQ(0, ended.code) << ended.errors;
    EXPECT_FALSE(nameServer_->asked().empty());
}

TEST_F(Network, AMemberCutOffHolds) {
    // A third of it is the length of a poll: after that and 15 s more the member knows that it is cut off.
    Process process(member(0, {"--max-stale", "60s"}));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    ASSERT_TRUE(eventually([&] { return settled(*server_); }));
    const auto command = descendants(process.pid());
    network_->setLink(0, false);
    ASSERT_TRUE(process.waitForErrors("cannot tell who leads", 60s));
    EXPECT_EQ(command, descendants(process.pid()));
    network_->setLink(0, true);
    server_->reload(environment_.answers());
    ASSERT_TRUE(process.waitForErrors("can tell who leads again", 30s)) << process.errors();
    EXPECT_EQ(command, descendants(process.pid()));
    EXPECT_EQ(1, starts(process));
}

TEST_F(Network, AMemberCutOffStandsDownWhenItIsToldTo) {
    Process process(member(0, {"--max-stale", "2s", "--on-loss", "exit"}));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    network_->setLink(0, false);
    EXPECT_EQ(75, process.exitCode(30s)) << process.errors();
}

}  // namespace
}  // namespace leader::test
