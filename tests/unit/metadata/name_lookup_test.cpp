#include "common/metadata/name_lookup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/deadline.h"
#include "tests/support/eventually.h"

namespace leader::metadata {
namespace {

using namespace std::chrono_literals;
using test::in;
using Addresses = NameLookups::Addresses;

/// A name server that answers once it is let; it lives for as long as its threads.
struct Server {
    Interrupt released;
    std::atomic<int> asked = 0;
};

class NameLookupsTest : public testing::Test {
  protected:
    ~NameLookupsTest() override { server->released.raise(); }

    Result<Addresses> find(const std::string& name, Duration patience) {
        return lookups->find(name, interrupt, in(patience));
    }

    std::shared_ptr<Server> server = std::make_shared<Server>();
    Interrupt interrupt;
    std::unique_ptr<NameLookups> lookups =
        std::make_unique<NameLookups>([server = server](const std::string& name) -> Result<Addresses> {
            ++server->asked;
            server->released.wait(test::patience(60s));
            if (name == "nobody") return Error{"there is no nobody"};
            return Addresses{Poco::Net::IPAddress("10.0.0.1")};
        });
};

TEST_F(NameLookupsTest, AnAnswerIsHandedOnAndNoThreadIsLeft) {
    server->released.raise();
    const auto found = find("db", 60s);
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ("10.0.0.1", found->at(0).toString());
    EXPECT_EQ("there is no nobody", find("nobody", 60s).error().message);
    EXPECT_EQ(0U, lookups->threads());
}

TEST_F(NameLookupsTest, EachQuestionIsANewOne) {
    server->released.raise();
    EXPECT_TRUE(find("db", 60s).ok());
    EXPECT_TRUE(find("db", 60s).ok());
    EXPECT_EQ(2, server->asked);
}

TEST_F(NameLookupsTest, ASilentServerIsWaitedForUntilTheDeadlineOnly) {
    const Instant start = Clock::system().now();
    EXPECT_EQ(
        "no name server has answered for the host name 'db' in time; check those in /etc/resolv.conf, or "
        "give "
        "an IP address",
        find("db", 20ms).error().message);
    EXPECT_GE(Clock::system().now() - start, 20ms);
    EXPECT_LT(Clock::system().now() - start, test::patience(10s));
}

TEST_F(NameLookupsTest, ANameIsLookedUpOnceHoweverOftenItIsAskedForMeanwhile) {
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(find("db", 1ms).ok());
    EXPECT_EQ(1U, lookups->threads());
    ASSERT_TRUE(test::eventually([&] { return server->asked == 1; }));
}

TEST_F(NameLookupsTest, AnAnswerThatIsTooLateIsForTheNextWhoAsks) {
    EXPECT_FALSE(find("db", 1ms).ok());
    server->released.raise();
    ASSERT_TRUE(test::eventually([&] { return lookups->threads() == 0; }));
    EXPECT_TRUE(find("db", 0s).ok()) << "it is there already";
    EXPECT_EQ(1, server->asked);
}

TEST_F(NameLookupsTest, WhoAskedWhileItWasLookedUpGetsTheAnswerToo) {
    std::atomic<int> answered = 0;
    std::vector<std::thread> askers;
    askers.reserve(3);
    for (int i = 0; i < 3; ++i) askers.emplace_back([&] { answered += find("db", 60s).ok() ? 1 : 0; });
    ASSERT_TRUE(test::eventually([&] { return server->asked == 1; }));
    server->released.raise();
    for (std::thread& asker : askers) asker.join();
    EXPECT_EQ(3, answered);
}

TEST_F(NameLookupsTest, ThreadsAreLimited) {
    for (std::size_t i = 0; i < NameLookups::kMostThreads; ++i)
        EXPECT_FALSE(find("db-" + std::to_string(i), 1ms).ok());
    const std::string refused = find("db", 60s).error().message;
    EXPECT_NE(std::string::npos, refused.find("'db'")) << refused;
    EXPECT_NE(std::string::npos, refused.find("too many")) << refused;
    EXPECT_EQ(NameLookups::kMostThreads, lookups->threads());
    server->released.raise();
    ASSERT_TRUE(test::eventually([&] { return lookups->threads() == 0; }));
    EXPECT_TRUE(find("db", 60s).ok());
}

TEST_F(NameLookupsTest, AnInterruptEndsTheWaiting) {
    interrupt.raise();
    EXPECT_EQ("interrupted", find("db", 60s).error().message);
}

TEST_F(NameLookupsTest, AThreadMayOutliveWhoStartedIt) {
    EXPECT_FALSE(find("db", 1ms).ok());
    lookups.reset();
    server->released.raise();
    ASSERT_TRUE(test::eventually([&] { return server.use_count() == 1; }));
}

TEST(ResolveBySystem, FindsWhatIsInHosts) {
    const auto found = resolveBySystem("localhost");
    ASSERT_TRUE(found.ok()) << found.error().message;
    for (const Poco::Net::IPAddress& address : *found) EXPECT_TRUE(address.isLoopback());
}

}  // namespace
}  // namespace leader::metadata
