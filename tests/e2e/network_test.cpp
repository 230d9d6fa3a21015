// A service as it runs: members that are alone on their machines, with addresses of their own, and the server
// under its own name.

#include <gtest/gtest.h>

#include "tests/e2e/harness.h"
#include "tests/support/network_namespaces.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr int kMembers = 3;

class Network : public ::testing::Test {
  protected:
    void SetUp() override {
        if (const auto why = NetworkNamespaces::unavailable()) GTEST_SKIP() << *why;
        network_ = std::make_unique<NetworkNamespaces>(kMembers);
        environment_ = service(kMembers, 0);
        for (int i = 0; i < kMembers; ++i) {
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
    for (int i = 0; i < kMembers; ++i) members.push_back(std::make_unique<Process>(member(i)));
    ASSERT_TRUE(members[0]->waitForOutput("^started 1$")) << members[0]->errors();
    ASSERT_TRUE(eventually([&] { return server_->waiting() == kMembers; }));
    EXPECT_EQ(0, starts(*members[1]) + starts(*members[2]));

    members[0].reset();
    server_->reload(environment_.remove("web-app-1").answers());
    ASSERT_TRUE(members[1]->waitForOutput("^started 2$")) << members[1]->errors();
    ASSERT_TRUE(eventually([&] { return server_->waiting() == kMembers - 1; }));
    EXPECT_EQ(0, starts(*members[2]));

    environment_.container("web-app-2").state = std::string("stopping");
    server_->reload(environment_.answers());
    EXPECT_TRUE(members[2]->waitForOutput("^started 3$")) << members[2]->errors();
}

TEST_F(Network, CheckTellsEachMemberItsOwnRole) {
    for (int i = 0; i < kMembers; ++i) {
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
