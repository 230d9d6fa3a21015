// How the metadata is read: over one connection, in one version of it, and in bounded time.

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>

#include "tests/e2e/harness.h"
#include "tests/support/tcp.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kVersion = Environment::kMiddle;
const std::string kSelf = std::string("/") + kVersion + "/self";
const std::string kContainers = std::string("/") + kVersion + "/containers";

/// web/app as servers tell of it that list names only, so that it takes the list of all containers.
Answers listed(int self) {
    return service(2, self).shape(Environment::Shape::kNames).answers();
}

TEST(KeptAlive, OneConnectionServesAllPollsAndReadings) {
    MetadataServer server(listed(2));
    Process process(run(server.url(kVersion)));
    for (std::uint64_t change = 1; change <= 10; ++change) {
        ASSERT_TRUE(eventually([&] { return settled(server) && server.requests(kContainers) >= change; }));
        server.reload(listed(2));
    }
    ASSERT_TRUE(eventually([&] { return server.requests(kContainers) >= 11; }));
    EXPECT_GT(server.requests(), 30U);
    EXPECT_EQ(1U, server.connections());
}

TEST(KeptAlive, ADroppedConnectionIsReplacedByOneOther) {
    MetadataServer server(listed(2));
    Process process(run(server.url(kVersion), {"--log-level", "warning"}));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    server.dropConnections();
    ASSERT_TRUE(eventually([&] { return server.connections() == 2 && settled(server); }));
    server.reload(listed(1));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    EXPECT_EQ(2U, server.connections());
    EXPECT_EQ("", process.errors());
}

TEST(OneVersion, AReloadDuringTheReadingIsNoticedAndAllIsReadAgain) {
    MetadataServer server(listed(1));
    // The list that was just made still has this member for the leader.
    std::atomic<bool> reloaded = false;
    server.onAnswer([&](const std::string& path) {
        if (path == kContainers && !reloaded.exchange(true)) server.reload(listed(2));
    });
    EXPECT_EQ(1, check(server.url(kVersion)).code);
    EXPECT_EQ(2U, server.requests(kContainers));
    // Once more in the first version, as nothing was known of it before.
    EXPECT_EQ(3U, server.requests(kSelf));
}

TEST(OneVersion, AReloadBetweenWhoItIsAndTheListIsNoticedToo) {
    MetadataServer server(listed(1));
    // Whoever goes by the old answer is web-app-1, which leads in the new list, too.
    std::atomic<bool> reloaded = false;
    server.onAnswer([&](const std::string& path) {
        if (path == kSelf && !reloaded.exchange(true)) server.reload(listed(2));
    });
    EXPECT_EQ(1, check(server.url(kVersion)).code);
    EXPECT_EQ(2U, server.requests(kContainers));
}

TEST(OneVersion, AReadingThatNothingDisturbsAsksForTheListOnce) {
    MetadataServer server(listed(1));
    EXPECT_EQ(0, check(server.url(kVersion)).code);
    EXPECT_EQ(2U, server.requests(kSelf));
    EXPECT_EQ(1U, server.requests(kContainers));
    EXPECT_EQ(5U, server.requests());
}

TEST(OneVersion, WhereWhoItIsTellsTheWholeServiceNothingElseIsAsked) {
    MetadataServer server(service(2, 1).answers());
    EXPECT_EQ(0, check(server.url()).code);
    EXPECT_EQ(1U, server.requests());
}

TEST(OneVersion, WhatChangesDuringEveryReadingIsNotBelieved) {
    MetadataServer server(listed(1));
    const auto reload = [&](const std::string& path) {
        if (path == kContainers) server.reload(listed(1));
    };
    server.onAnswer(reload);
    const auto ended = checkInVain(server.url(kVersion));
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "changed during each of 5 readings"));
    EXPECT_GE(server.requests(kContainers), 5U);

    Process process(run(server.url(kVersion)));
    ASSERT_TRUE(process.waitForErrors("changed during each of 5 readings"));
    EXPECT_EQ(0, starts(process));
    server.onAnswer({});
    EXPECT_TRUE(process.waitForOutput("^started 1$", 20s));
}

/// A listener on a port of its own whose queue is full: it answers no one who connects.
class FullQueue {
  public:
    FullQueue() {
        // How many it takes with a backlog of 0 is the kernel's affair.
        while (UniqueFd one = connected()) fillers_.push_back(std::move(one));
    }

    std::string url() const { return "http://" + loopback(1) + ":" + std::to_string(port()) + "/"; }
    std::uint16_t port() const { return portOf(listener_.get()); }
    void close() {
        listener_.reset();
        fillers_.clear();
    }

  private:
    UniqueFd connected() const {
        const Loopback to(loopback(1), port());
        UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (connect(fd.get(), to.get(), to.size) == 0) return fd;
        // Over loopback it is answered at once or not at all.
        pollfd entry{fd.get(), POLLOUT, 0};
        return ::poll(&entry, 1, 100) == 1 ? std::move(fd) : UniqueFd();
    }

    UniqueFd listener_ = listenOn(loopback(1), 0, 0);
    std::vector<UniqueFd> fillers_;
};

TEST(ConnectTimeout, EndsAnAttemptLongBeforeAnAnswersTimeIsOver) {
    FullQueue queue;
    const auto start = std::chrono::steady_clock::now();
    Process process(run(queue.url(), {"--log-level", "warning"}));
    ASSERT_TRUE(process.waitForErrors("cannot tell who leads.*no answer in time"));
    // 3 s for a connection, 10 s for an answer.
    EXPECT_GE(std::chrono::steady_clock::now() - start, 2900ms);
    EXPECT_LT(std::chrono::steady_clock::now() - start, patience(9s));
    EXPECT_EQ(0, starts(process));

    const std::uint16_t port = queue.port();
    queue.close();
    MetadataServer server(service(1, 1).answers(), {.address = loopback(1), .port = port});
    EXPECT_TRUE(process.waitForOutput("^started 1$", 30s)) << process.errors();
    EXPECT_TRUE(oneLine(process.errors(), "no answer in time"));
}

TEST(ConnectTimeout, IsNoLongerThanTheTimeoutOfACheck) {
    FullQueue queue;
    const auto ended = check(queue.url(), {"--timeout", "1s"});
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "no answer in time"));
}

}  // namespace
}  // namespace leader::test
