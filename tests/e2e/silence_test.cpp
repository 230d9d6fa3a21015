// Metadata that stops answering, comes back, restarts, or changes faster than anybody needs to know.

#include <gtest/gtest.h>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kOwnName = "/2016-07-29/self";
constexpr const char* kFailing = "cannot tell";
constexpr const char* kAgain = "again, after";

/// A fault, and a number of requests that ran into it.
void failFor(MetadataServer& server, std::uint64_t requests) {
    server.setFault(Fault::answer(500, "broken\n"));
    server.dropConnections();
    const auto before = server.requests();
    ASSERT_TRUE(eventually([&] { return server.requests() >= before + requests; }, 30s));
}

TEST(Silence, ALeaderHolds) {
    MetadataServer server(service(2, 1).answers());
    Process process(run(server.url()));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    const auto command = descendants(process.pid());
    failFor(server, 5);
    EXPECT_EQ(command, descendants(process.pid()));
    server.setFault({});
    ASSERT_TRUE(process.waitForErrors(kAgain));
    EXPECT_EQ(command, descendants(process.pid()));
    EXPECT_EQ(1, starts(process));
}

TEST(Silence, MaxStaleStandsALeaderDownUntilTheMetadataIsBack) {
    MetadataServer server(service(2, 1).answers());
    Process process(
        runScript(server.url(), {"--max-stale", "4s"}, "trap 'echo stopped; exit 0' TERM; " + kStay));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    server.stop();
    ASSERT_TRUE(process.waitForOutput("^stopped$", 20s));
    EXPECT_TRUE(process.running());
    EXPECT_EQ(1, starts(process));
    server.start();
    EXPECT_TRUE(process.waitForOutput("^started 1\nstopped\nstarted 1$", 20s))
        << process.output() << process.errors();
}

TEST(Silence, MaxStaleStandsALeaderDownWhenTheServerHangs) {
    MetadataServer server(service(2, 1).answers());
    Process process(
        runScript(server.url(), {"--max-stale", "4s", "--on-loss", "exit"}, "trap 'exit 0' TERM; " + kStay));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    server.setFault(Fault::hang());
    EXPECT_EQ(75, process.exitCode(20s));
}

TEST(Silence, MaxStaleDoesNotMistakeAQuietServerForASilentOne) {
    // One asks for the version each second, the other in long polls of three. Nothing changes for longer than
    // either may be without an answer.
    MetadataServer server(service(2, 1).answers());
    Process asks(run(server.url(), {"--max-stale", "4s", "--on-loss", "exit"}));
    Process polls(run(server.url(), {"--max-stale", "9s", "--on-loss", "exit"}));
    ASSERT_TRUE(asks.waitForOutput("^started 1$") && polls.waitForOutput("^started 1$"));
    const auto asked = server.requests("/2016-07-29/version");
    const auto polled = server.requests("/2016-07-29/version?wait");
    const auto start = std::chrono::steady_clock::now();
    const auto later = [&] {
        return server.requests("/2016-07-29/version") >= asked + 4 &&
               server.requests("/2016-07-29/version?wait") >= polled + 3 &&
               std::chrono::steady_clock::now() - start > 12s;
    };
    ASSERT_TRUE(eventually([&] { return !asks.running() || !polls.running() || later(); }, 60s));
    for (const Process* each : {&asks, &polls}) {
        EXPECT_TRUE(each->running()) << each->errors();
        EXPECT_EQ(1, starts(*each));
    }
}

TEST(Silence, AFollowerNeverStartsOnOldData) {
    // It has seen itself lead, and was to start once that has lasted; then the metadata falls silent.
    MetadataServer server(service(2, 2).answers());
    Process process(run(server.url(), {"--settle", "3s"}));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    server.setFault(Fault::answer(500, "broken\n").at("/version"));
    const auto start = std::chrono::steady_clock::now();
    server.reload(service(2, 1).answers());
    // The poll under way reports the change, the member reads that it leads, and no request succeeds after
    // it.
    ASSERT_TRUE(process.waitForErrors(kFailing));
    const auto before = server.requests();
    ASSERT_TRUE(eventually(
        [&] { return server.requests() >= before + 4 && std::chrono::steady_clock::now() - start > 4s; },
        30s));
    EXPECT_EQ(0, starts(process)) << process.errors();
    server.reload(service(2, 2).answers());
    server.setFault({});
    ASSERT_TRUE(process.waitForErrors(kAgain));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    EXPECT_EQ(0, starts(process));
}

TEST(Silence, IsOneLineWhenItStartsAndOneWhenItEnds) {
    MetadataServer server(service(2, 2).answers());
    Process process(run(server.url()));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    for (int outage = 1; outage <= 2; ++outage) {
        failFor(server, 5);
        server.setFault({});
        ASSERT_TRUE(eventually([&] { return countLines(process.errors(), kAgain) == outage; }));
        EXPECT_EQ(outage, countLines(process.errors(), kFailing)) << process.errors();
        ASSERT_TRUE(eventually([&] { return settled(server); }));
    }
}

TEST(Silence, TriesAgainWithGrowingPauses) {
    MetadataServer server(service(2, 2).answers());
    server.setFault(Fault::answer(500, "broken\n"));
    const auto start = std::chrono::steady_clock::now();
    Process process(run(server.url()));
    ASSERT_TRUE(eventually([&] { return server.requests() >= 6; }, 30s));
    // At the least 50 + 100 + 200 + 400 + 800 ms, each pause being no less than half its nominal length.
    EXPECT_GE(std::chrono::steady_clock::now() - start, 1500ms);
}

TEST(Restart, OfTheServerIsSurvivedByLeaderAndFollower) {
    MetadataServer server(service(2, 1).answers());
    Process leading(run(server.url()));
    Process following(run(server.url(), {"--self", "web-app-2"}));
    ASSERT_TRUE(leading.waitForOutput("^started 1$"));
    ASSERT_TRUE(eventually([&] { return server.waiting() == 2; }));
    server.restart();
    ASSERT_TRUE(eventually([&] { return server.waiting() == 2; }, 20s));
    EXPECT_EQ(1, starts(leading));
    EXPECT_EQ(0, starts(following));
    Environment environment = service(2, 1);
    server.reload(environment.remove("web-app-1").answers());
    EXPECT_TRUE(following.waitForOutput("^started 2$"));
}

TEST(Restart, WithAnotherTokenAndOtherAnswersIsAChangeLikeAnyOther) {
    MetadataServer server(service(2, 2).answers());
    Process process(run(server.url()));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    server.stop();
    server.reload(service(2, 1).answers());
    server.start();
    EXPECT_TRUE(process.waitForOutput("^started 1$", 20s));
}

TEST(Storm, IsObservedTenTimesASecondAtMostAndTheLastChangeAlways) {
    MetadataServer server(service(2, 2).answers());
    Process process(run(server.url()));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    const auto before = server.requests(kOwnName);
    const auto start = std::chrono::steady_clock::now();
    // The pause leaves the server's mutex to its own threads; it is a fraction of that between observations.
    const auto stormed = [&] {
        server.reload(service(2, 2).answers());
        std::this_thread::sleep_for(2ms);
        return server.requests(kOwnName) >= before + 4 && std::chrono::steady_clock::now() - start > 2s;
    };
    ASSERT_TRUE(eventually(stormed, 30s));
    server.reload(service(2, 1).answers());
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const auto observed = static_cast<double>(server.requests(kOwnName) - before);
    EXPECT_LE(observed, 10 * took.count() + 2);
    EXPECT_EQ(1, starts(process));
}

TEST(Storm, OfPollsIsNotWhatAnOldServerGets) {
    MetadataServer server(service(2, 2).answers(), {.answersAtOnce = true});
    const auto start = std::chrono::steady_clock::now();
    Process process(run(server.url()));
    ASSERT_TRUE(eventually([&] { return server.requests() >= 6; }, 30s));
    // Two or three requests to begin with, then one a second.
    EXPECT_GE(std::chrono::steady_clock::now() - start, 2s);
    server.reload(service(2, 1).answers());
    EXPECT_TRUE(process.waitForOutput("^started 1$"));
}

TEST(LongPoll, ThatOverrunsIsNoFailure) {
    MetadataServer server(service(2, 1).answers(), {.overrun = 4s});
    Process process(run(server.url(), {"--max-stale", "20s", "--log-level", "warning"}));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    ASSERT_TRUE(eventually([&] { return server.requests("/2016-07-29/version?wait") >= 2; }, 60s));
    EXPECT_EQ("", process.errors());
}

}  // namespace
}  // namespace leader::test
