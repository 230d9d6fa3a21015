#include "common/proxy/proxy.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/proxy/port.h"
#include "tests/support/fake_clock.h"
#include "tests/support/privileges.h"
#include "tests/support/sanitizer.h"
#include "tests/unit/proxy/proxy_rig.h"

namespace leader {
namespace {

using test::loopback;
using test::ProxyRig;
using namespace std::chrono_literals;

std::size_t openDescriptors() {
    std::size_t count = 0;
    DIR* directory = opendir("/proc/self/fd");
    while (readdir(directory) != nullptr) ++count;
    closedir(directory);
    return count;
}

/// A port that nothing listens on, of the address where the rig does.
std::uint16_t freePort() {
    return test::freePort(loopback(1));
}

TEST(Proxy, AClientIsHeldUntilThereIsALeader) {
    ProxyRig rig;
    const UniqueFd listener = test::listenOn(loopback(1));
    rig.open(test::portOf(listener.get()));
    const UniqueFd client = rig.client();
    ASSERT_TRUE(test::sendAll(client, "early"));
    EXPECT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 1; }));
    rig.setLeader(loopback(1));
    EXPECT_EQ("early", rig.read(rig.accepted(listener), 5));
    EXPECT_EQ(0U, rig.proxy->statistics().held);
}

// An orderly end would make a whole answer of the part that has come through.
TEST(Proxy, ResettingTheClientsMeansTheHeldTheConnectedAndTheirLeaderAndSoDoesItsEnd) {
    for (const bool ends : {false, true}) {
        ProxyRig rig;
        const UniqueFd listener = test::listenOn("127.0.0.1");
        rig.open(test::portOf(listener.get()));
        rig.setLeader("127.0.0.1");
        const UniqueFd connected = rig.client();
        const UniqueFd served = rig.accepted(listener);
        EXPECT_TRUE(rig.until([&] { return rig.proxy->statistics().open == 1; }));
        rig.proxy->setLeaderUnknown();
        const UniqueFd held = rig.client();
        EXPECT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 1; }));
        if (ends) {
            rig.proxy.reset();
        } else {
            rig.proxy->resetClients();
            EXPECT_EQ(0U, rig.proxy->statistics().open);
        }
        for (const UniqueFd* end : {&connected, &served, &held})
            EXPECT_EQ(ECONNRESET, rig.readToEnd(*end).error) << ends;
    }
}

TEST(Proxy, AClientIsResetAfterTheHold) {
    ProxyRig rig;
    rig.options.hold = 150ms;
    rig.open(freePort());
    const auto start = std::chrono::steady_clock::now();
    const UniqueFd client = rig.client();
    EXPECT_EQ(ECONNRESET, rig.readToEnd(client).error);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 150ms);
    EXPECT_EQ(1U, rig.proxy->statistics().refused);
}

TEST(Proxy, ALeaderThatRefusesAndThenListensServesWhoeverWasHeld) {
    ProxyRig rig;
    const std::uint16_t port = freePort();
    rig.open(port);
    rig.setLeader(loopback(1));
    std::vector<UniqueFd> clients(20);
    for (UniqueFd& client : clients) client = rig.client();
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 20; }));
    const UniqueFd listener = test::listenOn(loopback(1), port);
    ASSERT_TRUE(listener);
    std::vector<UniqueFd> leaders(20);
    for (UniqueFd& leader : leaders) leader = rig.accepted(listener);
    EXPECT_TRUE(rig.until([&] { return rig.proxy->statistics().open == 20; }));
}

TEST(Proxy, AHeldClientFollowsTheLeaderToAnotherAddress) {
    ProxyRig rig;
    const UniqueFd listener = test::listenOn(loopback(3));
    rig.open(test::portOf(listener.get()));
    rig.setLeader(loopback(2));
    const UniqueFd client = rig.client();
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 1; }));
    rig.setLeader(loopback(3));
    EXPECT_TRUE(rig.accepted(listener));
}

TEST(Proxy, ALeaderThatRefusesDelaysNobodyOnceThereIsAnotherOne) {
    test::FakeClock clock;  // whoever waits for the next attempt waits for ever
    ProxyRig rig(clock);
    const UniqueFd listener = test::listenOn(loopback(3));
    rig.open(test::portOf(listener.get()));
    rig.setLeader(loopback(2));
    testing::internal::CaptureStderr();
    log::configure("leader-proxy", log::Level::kWarning, log::Format::kText);
    const std::vector<UniqueFd> clients = [&] {
        std::vector<UniqueFd> some(3);
        for (UniqueFd& client : some) client = rig.client();
        return some;
    }();
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == clients.size(); }));
    for (int i = 0; i < 3; ++i) rig.loop.turn(false);
    ASSERT_NE("", testing::internal::GetCapturedStderr()) << "it has not refused";
    rig.setLeader(loopback(3));
    for (std::size_t i = 0; i < clients.size(); ++i) EXPECT_TRUE(rig.accepted(listener));
}

TEST(Proxy, AnAttemptThatIsNotAnsweredEndsAfterTheConnectTimeout) {
    test::FakeClock clock;
    ProxyRig rig(clock);
    const UniqueFd listener = test::listenOn(loopback(1), 0, 0);
    const std::uint16_t port = test::portOf(listener.get());
    // With its queue full, a listener answers nobody.
    const UniqueFd fills = test::connectTo(loopback(1), port);
    rig.options.hold = 1min;
    rig.open(port);
    rig.setLeader(loopback(1));
    const UniqueFd client = rig.client();
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 1; }));
    ASSERT_EQ(0U, rig.proxy->statistics().open);
    clock.advance(rig.options.connectTimeout);
    rig.loop.turn(false);
    EXPECT_TRUE(test::acceptFrom(listener));
    clock.advance(1s);
    EXPECT_TRUE(rig.accepted(listener));
}

TEST(Proxy, AClientIsResetAfterTheHoldAlsoWhileAnAttemptIsUnderWay) {
    test::FakeClock clock;
    ProxyRig rig(clock);
    const UniqueFd listener = test::listenOn(loopback(1), 0, 0);
    const std::uint16_t port = test::portOf(listener.get());
    const UniqueFd fills = test::connectTo(loopback(1), port);
    rig.options.hold = rig.options.connectTimeout - 1s;
    rig.open(port);
    rig.setLeader(loopback(1));
    const UniqueFd client = rig.client();
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 1; }));
    clock.advance(rig.options.hold - 1ms);
    rig.loop.turn(false);
    EXPECT_EQ(1U, rig.proxy->statistics().held);
    clock.advance(Port::kTick);
    EXPECT_EQ(ECONNRESET, rig.readToEnd(client).error);
    EXPECT_EQ(1U, rig.proxy->statistics().refused);
}

TEST(Proxy, AClientThatResetsWhileHeldIsForgotten) {
    ProxyRig rig;
    rig.open(freePort());
    UniqueFd client = rig.client();
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 1; }));
    test::resetOnClose(client);
    client.reset();
    EXPECT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 0; }));
    EXPECT_EQ(0U, rig.proxy->statistics().refused);
}

TEST(Proxy, AHalfClosedClientIsHeldLikeAnyOther) {
    ProxyRig rig;
    const UniqueFd listener = test::listenOn(loopback(1));
    rig.open(test::portOf(listener.get()));
    const UniqueFd client = rig.client();
    ASSERT_TRUE(test::sendAll(client, "request"));
    shutdown(client.get(), SHUT_WR);
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 1; }));
    rig.setLeader(loopback(1));
    const UniqueFd leader = rig.accepted(listener);
    EXPECT_EQ("request", rig.readToEnd(leader).bytes);
    ASSERT_TRUE(test::sendAll(leader, "answer"));
    EXPECT_EQ("answer", rig.read(client, 6));
}

/// Leaders on 127.0.0.2 and 127.0.0.3, and a client that is connected to the first.
class Change : public testing::Test {
  protected:
    void connect() {
        first_ = test::listenOn(loopback(2));
        second_ = test::listenOn(loopback(3), test::portOf(first_.get()));
        rig_.open(test::portOf(first_.get()));
        rig_.setLeader(loopback(2));
        client_ = rig_.client();
        leader_ = rig_.accepted(first_);
        ASSERT_TRUE(rig_.until([&] { return rig_.proxy->statistics().open == 1; }));
    }
    bool isUp() { return test::sendAll(client_, "still there?") && rig_.read(leader_, 12) == "still there?"; }

    ProxyRig rig_;
    UniqueFd first_, second_;
    UniqueFd client_, leader_;
};

TEST_F(Change, CutsConnectionsToTheOldLeader) {
    connect();
    rig_.setLeader(loopback(3));
    EXPECT_EQ(ECONNRESET, rig_.readToEnd(client_).error);
    EXPECT_EQ(ECONNRESET, rig_.readToEnd(leader_).error);
    EXPECT_EQ(1U, rig_.proxy->statistics().cut);
    const UniqueFd next = rig_.client();
    EXPECT_TRUE(rig_.accepted(second_));
    EXPECT_FALSE(test::acceptFrom(first_));
}

TEST_F(Change, CutsThemWhenNobodyLeadsAnyMore) {
    connect();
    rig_.proxy->setLeader({});
    EXPECT_EQ(ECONNRESET, rig_.readToEnd(client_).error);
}

TEST_F(Change, DrainLetsThemEnd) {
    rig_.options.onChange = OnChange::kDrain;
    connect();
    rig_.setLeader(loopback(3));
    EXPECT_TRUE(isUp());
    leader_.reset();
    EXPECT_TRUE(rig_.readToEnd(client_).ended);
}

TEST_F(Change, AnUnknownLeaderCutsNothingAndHoldsNewClients) {
    connect();
    rig_.proxy->setLeaderUnknown();
    EXPECT_TRUE(isUp());
    const UniqueFd held = rig_.client();
    EXPECT_TRUE(rig_.until([&] { return rig_.proxy->statistics().held == 1; }));
    rig_.setLeader(loopback(2));
    EXPECT_TRUE(isUp());
    EXPECT_TRUE(rig_.accepted(first_));
}

TEST_F(Change, AnotherLeaderAfterAnUnknownOneCuts) {
    connect();
    rig_.proxy->setLeaderUnknown();
    rig_.setLeader(loopback(3));
    EXPECT_EQ(ECONNRESET, rig_.readToEnd(client_).error);
}

TEST_F(Change, TheSameLeaderAgainChangesNothing) {
    connect();
    rig_.setLeader(loopback(2));
    EXPECT_TRUE(isUp());
    EXPECT_EQ(0U, rig_.proxy->statistics().cut);
}

TEST(Proxy, NeverConnectsToItself) {
    ProxyRig rig;
    const std::uint16_t port = freePort();
    rig.options.ports = {{port, port}};
    rig.proxy.emplace(rig.loop, rig.options);
    ASSERT_FALSE(rig.proxy->open());
    rig.setLeader(loopback(1));
    const UniqueFd client = test::connectTo(loopback(1), port);
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 1; }));
    // A connection to itself would be in the listen queue before the next client.
    const UniqueFd next = test::connectTo(loopback(1), port);
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held >= 2; }));
    EXPECT_EQ(2U, rig.proxy->statistics().connections);
}

TEST(Proxy, TwoPortsThatLeadToEachOtherMakeNoLoop) {
    ProxyRig rig;
    const std::uint16_t a = freePort();
    const std::uint16_t b = freePort();
    ASSERT_NE(a, b);
    rig.options.ports = {{a, b}, {b, a}};
    rig.proxy.emplace(rig.loop, rig.options);
    ASSERT_FALSE(rig.proxy->open());
    rig.setLeader(loopback(1));
    const UniqueFd client = test::connectTo(loopback(1), a);
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 1; }));
    // A connection from one port to the other would be in its listen queue before the next client.
    const UniqueFd next = test::connectTo(loopback(1), b);
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held >= 2; }));
    EXPECT_EQ(2U, rig.proxy->statistics().connections);
}

TEST(Proxy, ReleasesASharedPortWithoutRefusingWhoIsInItsQueue) {
    ProxyRig rig;
    const std::uint16_t port = freePort();
    rig.options.ports = {{port, port}};
    rig.proxy.emplace(rig.loop, rig.options);
    ASSERT_FALSE(rig.proxy->open());
    rig.setLeader(loopback(1));
    const UniqueFd client = test::connectTo(loopback(1), port);
    rig.proxy->releaseSharedPorts();
    EXPECT_EQ(std::vector<std::uint16_t>{0}, rig.proxy->listeningPorts());
    const UniqueFd command = test::listenOn(loopback(1), port);
    ASSERT_TRUE(command);
    EXPECT_TRUE(rig.accepted(command));
}

TEST(Proxy, OtherPortsAreNotReleased) {
    ProxyRig rig;
    rig.open(freePort());
    rig.proxy->releaseSharedPorts();
    EXPECT_EQ(std::vector<std::uint16_t>{rig.port}, rig.proxy->listeningPorts());
}

TEST(Proxy, TakesASharedPortAgainAsSoonAsItIsFree) {
    ProxyRig rig;
    const std::uint16_t port = freePort();
    rig.options.ports = {{port, port}};
    rig.proxy.emplace(rig.loop, rig.options);
    ASSERT_FALSE(rig.proxy->open());
    rig.proxy->releaseSharedPorts();
    UniqueFd command = test::listenOn(loopback(1), port);
    rig.proxy->takeSharedPorts([](const Error& error) { ADD_FAILURE() << error.message; });
    EXPECT_EQ(std::vector<std::uint16_t>{0}, rig.proxy->listeningPorts());
    command.reset();
    EXPECT_TRUE(rig.until([&] { return rig.proxy->listeningPorts().at(0) == port; }));
}

TEST(Proxy, APortThatItWaitsForIsTheCommandsAgainOnceThatIsToStart) {
    test::FakeClock clock;
    ProxyRig rig(clock);
    UniqueFd other = test::listenOn(loopback(1));
    const std::uint16_t port = test::portOf(other.get());
    rig.options.ports = {{port, port}};
    rig.proxy.emplace(rig.loop, rig.options);
    rig.proxy->takeSharedPorts([](const Error& error) { ADD_FAILURE() << error.message; });
    rig.proxy->releaseSharedPorts();
    other.reset();
    clock.advance(Proxy::kTakeFor);
    rig.loop.turn(false);
    EXPECT_EQ(std::vector<std::uint16_t>{0}, rig.proxy->listeningPorts());
}

TEST(Proxy, SaysSoWhenASharedPortStaysTaken) {
    test::FakeClock clock;
    ProxyRig rig(clock);
    const UniqueFd command = test::listenOn(loopback(1));
    const std::uint16_t port = test::portOf(command.get());
    rig.options.ports = {{port, port}};
    rig.proxy.emplace(rig.loop, rig.options);
    std::string failure;
    rig.proxy->takeSharedPorts([&](const Error& error) { failure = error.message; });
    for (Duration waited{}; waited < Proxy::kTakeFor; waited += 100ms) {
        EXPECT_EQ("", failure);
        clock.advance(100ms);
        rig.loop.turn(false);
    }
    EXPECT_EQ(
        "cannot listen on port " + std::to_string(port) + " of " + loopback(1) + ": Address already in use",
        failure);
}

TEST(Proxy, APortInUseIsAnErrorThatNamesItAndNoPortIsTaken) {
    ProxyRig rig;
    const UniqueFd other = test::listenOn(loopback(1));
    const std::uint16_t taken = test::portOf(other.get());
    const std::uint16_t free = freePort();
    rig.options.ports = {{free, 80}, {taken, 80}};
    rig.proxy.emplace(rig.loop, rig.options);
    const auto error = rig.proxy->open();
    ASSERT_TRUE(error);
    EXPECT_EQ(
        "cannot listen on port " + std::to_string(taken) + " of " + loopback(1) + ": Address already in use",
        error->message);
    EXPECT_EQ((std::vector<std::uint16_t>{0, 0}), rig.proxy->listeningPorts());
}

TEST(Proxy, ListensOnIPv6AndIPv4AndReachesALeaderOnEither) {
    ProxyRig rig;
    rig.options.bind.reset();
    const UniqueFd onSix = test::listenOn("::1");
    const std::uint16_t target = test::portOf(onSix.get());
    const UniqueFd onFour = test::listenOn(loopback(2), target);
    ASSERT_TRUE(onFour);
    rig.open(target);
    rig.setLeader("::1");
    const UniqueFd clientOnFour = test::connectTo("127.0.0.1", rig.port);
    EXPECT_TRUE(rig.accepted(onSix));
    rig.setLeader(loopback(2));
    const UniqueFd clientOnSix = test::connectTo("::1", rig.port);
    EXPECT_TRUE(rig.accepted(onFour));
}

TEST(Proxy, BeyondTheMostConnectionsClientsWaitInTheListenQueue) {
    ProxyRig rig;
    rig.options.maxConnections = 2;
    const UniqueFd listener = test::listenOn(loopback(1));
    rig.open(test::portOf(listener.get()));
    rig.setLeader(loopback(1));
    std::vector<UniqueFd> clients(3);
    for (UniqueFd& client : clients) client = rig.client();
    std::vector<UniqueFd> leaders(2);
    for (UniqueFd& leader : leaders) leader = rig.accepted(listener);
    // The third would have been accepted before these bytes were carried.
    for (const UniqueFd& leader : leaders) ASSERT_TRUE(test::sendAll(leader, "x"));
    for (int i = 0; i < 2; ++i) ASSERT_EQ("x", rig.read(clients[static_cast<std::size_t>(i)], 1));
    EXPECT_EQ(2U, rig.proxy->statistics().connections);
    clients.front().reset();
    leaders.clear();
    EXPECT_TRUE(rig.until([&] { return rig.proxy->statistics().connections == 3; }));
    EXPECT_TRUE(rig.accepted(listener));
}

TEST(Proxy, AClientOfOnePortMakesRoomForOneOfAnother) {
    for (const bool waits : {true, false}) {
        test::FakeClock clock;  // a listener that pauses does so for ever
        ProxyRig rig(clock);
        rig.options.maxConnections = 1;
        const UniqueFd listener = test::listenOn(loopback(1));
        const std::uint16_t target = test::portOf(listener.get());
        rig.options.ports = {{0, target}, {0, target}};
        rig.proxy.emplace(rig.loop, rig.options);
        ASSERT_FALSE(rig.proxy->open());
        rig.setLeader(loopback(1));
        const std::vector<std::uint16_t> ports = rig.proxy->listeningPorts();
        UniqueFd first = test::connectTo(loopback(1), ports.at(0));
        UniqueFd firstLeader = rig.accepted(listener);
        UniqueFd second;
        if (waits) second = test::connectTo(loopback(1), ports.at(1));
        // So many turns that its listener has noticed.
        for (int i = 0; i < 10; ++i) rig.loop.turn(false);
        EXPECT_EQ(1U, rig.proxy->statistics().connections);
        first.reset();
        firstLeader.reset();
        if (!waits) {
            EXPECT_TRUE(rig.until([&] { return rig.proxy->statistics().open == 0; }));
            second = test::connectTo(loopback(1), ports.at(1));
        }
        EXPECT_TRUE(rig.accepted(listener)) << waits;
    }
}

TEST(Proxy, TheReservedDescriptorsAreNotForConnections) {
    constexpr rlim_t kFor = 10;
    ProxyRig rig;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t soft = std::exchange(limit.rlim_cur, rig.options.reservedDescriptors + 2 * kFor + 1);
    setrlimit(RLIMIT_NOFILE, &limit);
    rig.open(freePort());
    limit.rlim_cur = soft;
    setrlimit(RLIMIT_NOFILE, &limit);
    std::vector<UniqueFd> clients(kFor + 1);
    for (UniqueFd& client : clients) client = rig.client();
    EXPECT_TRUE(rig.until([&] { return rig.proxy->statistics().held >= kFor; }));
    for (int i = 0; i < 10; ++i) rig.loop.turn(false);
    EXPECT_EQ(kFor, rig.proxy->statistics().connections);
}

TEST(Proxy, WithoutDescriptorsItStopsAcceptingWithoutSpinningAndGoesOnLater) {
    if (test::kSanitized) GTEST_SKIP() << "a sanitizer needs a descriptor to report";
    ProxyRig rig;
    rig.options.hold = 1min;
    const UniqueFd listener = test::listenOn(loopback(1));
    rig.open(test::portOf(listener.get()));
    rig.setLeader(loopback(1));
    const UniqueFd early = rig.client();
    const UniqueFd earlyLeader = rig.accepted(listener);
    const UniqueFd late = rig.client();

    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t soft = std::exchange(limit.rlim_cur, 3);
    setrlimit(RLIMIT_NOFILE, &limit);
    int turns = 0;
    bool over = false;
    rig.loop.callAfter(250ms, [&] { over = true; });
    for (; !over; ++turns) rig.loop.turn();
    EXPECT_LE(turns, 15);
    EXPECT_EQ(1U, rig.proxy->statistics().connections);
    EXPECT_TRUE(test::sendAll(early, "alive"));
    EXPECT_EQ("alive", rig.read(earlyLeader, 5));
    limit.rlim_cur = soft;
    setrlimit(RLIMIT_NOFILE, &limit);
    EXPECT_TRUE(rig.accepted(listener));
}

TEST(Proxy, DescriptorsAreBackAfterManyConnections) {
    ProxyRig rig;
    const UniqueFd listener = test::listenOn(loopback(1));
    rig.open(test::portOf(listener.get()));
    rig.setLeader(loopback(1));
    const std::size_t before = openDescriptors();
    for (int i = 0; i < 300; ++i) {
        UniqueFd client = rig.client();
        UniqueFd leader = rig.accepted(listener);
        ASSERT_TRUE(test::sendAll(client, std::string(50000, 'x')));
        ASSERT_EQ(50000U, rig.read(leader, 50000).size());
        if (i % 3 == 0) test::resetOnClose(client);
    }
    EXPECT_TRUE(rig.until([&] { return rig.proxy->statistics().open == 0; }));
    EXPECT_EQ(before, openDescriptors());
}

TEST(Proxy, ManyConnectionsAtATimeAreAllServed) {
    if (!test::mayOpen(3000)) GTEST_SKIP() << "may not open 3000 descriptors";
    ProxyRig rig;
    const UniqueFd listener = test::listenOn(loopback(1));
    rig.open(test::portOf(listener.get()));
    std::vector<UniqueFd> clients(600);
    for (UniqueFd& client : clients) client = rig.client();
    ASSERT_TRUE(rig.until([&] { return rig.proxy->statistics().held == 600; }));
    rig.setLeader(loopback(1));
    std::vector<UniqueFd> leaders(600);
    for (UniqueFd& leader : leaders) leader = rig.accepted(listener);
    for (const UniqueFd& client : clients) ASSERT_TRUE(test::sendAll(client, "x"));
    for (const UniqueFd& leader : leaders) ASSERT_EQ("x", rig.read(leader, 1));
}

}  // namespace
}  // namespace leader
