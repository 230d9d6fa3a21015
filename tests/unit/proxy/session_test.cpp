#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/unit/proxy/proxy_rig.h"

namespace leader {
namespace {

using test::loopback;
using test::Received;
using namespace std::chrono_literals;

/// One client that is connected to one leader.
class Connected : public testing::Test {
  protected:
    explicit Connected(const Clock& clock = Clock::system()) : rig_(clock) {}
    void SetUp() override { connect(); }

    void connect() {
        listener_ = test::listenOn(loopback(2));
        rig_.open(test::portOf(listener_.get()));
        rig_.setLeader(loopback(2));
        client_ = rig_.client();
        leader_ = rig_.accepted(listener_);
    }

    test::ProxyRig rig_;
    UniqueFd listener_;
    UniqueFd client_;
    UniqueFd leader_;
};

TEST_F(Connected, BytesGoBothWays) {
    ASSERT_TRUE(test::sendAll(client_, "ping"));
    EXPECT_EQ("ping", rig_.read(leader_, 4));
    ASSERT_TRUE(test::sendAll(leader_, "pong!"));
    EXPECT_EQ("pong!", rig_.read(client_, 5));
    const ProxyStatistics statistics = rig_.proxy->statistics();
    EXPECT_EQ(4U, statistics.bytesToLeader);
    EXPECT_EQ(5U, statistics.bytesFromLeader);
    EXPECT_EQ(1U, statistics.connections);
    EXPECT_EQ(1U, statistics.open);
}

TEST_F(Connected, HalfClosedClientStillGetsTheWholeAnswer) {
    ASSERT_TRUE(test::sendAll(client_, "request"));
    shutdown(client_.get(), SHUT_WR);
    const Received request = rig_.readToEnd(leader_);
    EXPECT_EQ("request", request.bytes);
    EXPECT_TRUE(request.ended);
    ASSERT_TRUE(test::sendAll(leader_, std::string(300000, 'a')));
    leader_.reset();
    const Received answer = rig_.readToEnd(client_);
    EXPECT_EQ(300000U, answer.bytes.size());
    EXPECT_TRUE(answer.ended);
}

TEST_F(Connected, HalfClosedLeaderStillGetsTheWholeUpload) {
    ASSERT_TRUE(test::sendAll(leader_, "go on"));
    shutdown(leader_.get(), SHUT_WR);
    EXPECT_TRUE(rig_.readToEnd(client_).ended);
    ASSERT_TRUE(test::sendAll(client_, std::string(300000, 'u')));
    client_.reset();
    const Received upload = rig_.readToEnd(leader_);
    EXPECT_EQ(300000U, upload.bytes.size());
    EXPECT_TRUE(upload.ended);
    EXPECT_TRUE(rig_.until([&] { return rig_.proxy->statistics().open == 0; }));
}

TEST_F(Connected, AResetOfTheClientResetsTheLeader) {
    test::resetOnClose(client_);
    client_.reset();
    EXPECT_EQ(ECONNRESET, rig_.readToEnd(leader_).error);
}

TEST_F(Connected, AResetOfTheLeaderResetsTheClient) {
    ASSERT_TRUE(test::sendAll(leader_, "partial answer"));
    test::resetOnClose(leader_);
    leader_.reset();
    const Received answer = rig_.readToEnd(client_);
    EXPECT_EQ("partial answer", answer.bytes);
    EXPECT_EQ(ECONNRESET, answer.error);
}

TEST_F(Connected, ALeaderThatAcceptsAndResetsAtOnceResetsTheClient) {
    const UniqueFd next = rig_.client();
    ASSERT_TRUE(rig_.until([&] {
        UniqueFd accepted = test::acceptFrom(listener_);
        if (accepted) test::resetOnClose(accepted);
        return static_cast<bool>(accepted);
    }));
    EXPECT_EQ(ECONNRESET, rig_.readToEnd(next).error);
    EXPECT_EQ(2U, rig_.proxy->statistics().connections);
    EXPECT_FALSE(test::acceptFrom(listener_));
}

TEST_F(Connected, ALeaderThatAcceptsAndResetsAtOnceIsNoProperEndForAHalfClosedClient) {
    const UniqueFd next = rig_.client();
    shutdown(next.get(), SHUT_WR);
    ASSERT_TRUE(rig_.until([&] {
        UniqueFd accepted = test::acceptFrom(listener_);
        if (accepted) test::resetOnClose(accepted);
        return static_cast<bool>(accepted);
    }));
    const Received answer = rig_.readToEnd(next);
    EXPECT_FALSE(answer.ended);
    EXPECT_EQ(ECONNRESET, answer.error);
}

TEST_F(Connected, AResetAfterAHalfCloseIsPassedOnToo) {
    shutdown(client_.get(), SHUT_WR);
    EXPECT_TRUE(rig_.readToEnd(leader_).ended);
    test::resetOnClose(client_);
    client_.reset();
    const std::string more(1000, 'x');
    EXPECT_TRUE(rig_.until([&] { return send(leader_.get(), more.data(), more.size(), MSG_NOSIGNAL) < 0; }));
}

TEST_F(Connected, AResetReachesASideThatDoesNotRead) {
    const std::string block(65536, 'x');
    // Until all buffers are full and nothing moves any more.
    constexpr int kQuietTurns = 20;
    std::uint64_t carried = 0;
    int quiet = 0;
    ASSERT_TRUE(rig_.until([&] {
        const bool full = send(leader_.get(), block.data(), block.size(), MSG_NOSIGNAL) <= 0;
        const std::uint64_t before = std::exchange(carried, rig_.proxy->statistics().bytesFromLeader);
        quiet = full && carried == before ? quiet + 1 : 0;
        return quiet == kQuietTurns;
    }));
    test::resetOnClose(leader_);
    leader_.reset();
    EXPECT_TRUE(rig_.until([&] { return rig_.proxy->statistics().open == 0; }));
    EXPECT_EQ(ECONNRESET, rig_.readToEnd(client_).error);
}

TEST_F(Connected, AnUrgentByteOfEitherSideKeepsItsPlace) {
    for (const auto& [from, to] : {std::pair(&client_, &leader_), std::pair(&leader_, &client_)}) {
        ASSERT_TRUE(test::sendAll(*from, "before"));
        ASSERT_EQ(1, send(from->get(), "!", 1, MSG_OOB));
        ASSERT_TRUE(test::sendAll(*from, "after"));
        EXPECT_EQ("before!after", rig_.read(*to, 12));
    }
}

TEST_F(Connected, ALargeTransferArrivesWholeInBothDirectionsAtOnce) {
    const std::string up(3 << 20, 'u');
    const std::string down(2 << 20, 'd');
    std::size_t upSent = 0;
    std::size_t downSent = 0;
    Received atLeader;
    Received atClient;
    ASSERT_TRUE(rig_.until([&] {
        const ssize_t a = send(client_.get(), up.data() + upSent, up.size() - upSent, MSG_NOSIGNAL);
        if (a > 0) upSent += static_cast<std::size_t>(a);
        const ssize_t b = send(leader_.get(), down.data() + downSent, down.size() - downSent, MSG_NOSIGNAL);
        if (b > 0) downSent += static_cast<std::size_t>(b);
        atLeader.poll(leader_);
        atClient.poll(client_);
        return atLeader.bytes.size() == up.size() && atClient.bytes.size() == down.size();
    }));
    EXPECT_TRUE(atLeader.bytes == up && atClient.bytes == down);
}

/// As Connected, with options of the test's own.
class Configured : public Connected {
  protected:
    void SetUp() override {}
};

/// The same under a clock that the test moves.
class Idle : public Connected {
  protected:
    Idle() : Connected(clock_) { rig_.options.idleTimeout = kTimeout; }

    void pass(Duration time) {
        clock_.advance(time);
        rig_.loop.turn(false);
    }

    static constexpr Duration kTimeout = 8s;
    // A connection is looked at eight times in that time, and goes at the look after these.
    static constexpr Duration kLook = kTimeout / 8;
    test::FakeClock clock_;
};

TEST_F(Idle, AConnectionThatCarriesNothingIsDroppedWhenTheTimeIsOverAndNotBefore) {
    ASSERT_TRUE(test::sendAll(client_, "x"));
    EXPECT_EQ("x", rig_.read(leader_, 1));
    for (Duration idle{}; idle < kTimeout; idle += kLook) pass(kLook);
    ASSERT_EQ(1U, rig_.proxy->statistics().open);
    for (int late = 0; late < 2; ++late) pass(kLook);
    EXPECT_EQ(0U, rig_.proxy->statistics().open);
    EXPECT_EQ(ECONNRESET, rig_.readToEnd(client_).error);
    EXPECT_EQ(ECONNRESET, rig_.readToEnd(leader_).error);
}

TEST_F(Idle, AConnectionThatCarriesSomethingNowAndThenIsKept) {
    for (int i = 0; i < 10; ++i) {
        for (const auto& [from, to] : {std::pair(&client_, &leader_), std::pair(&leader_, &client_)}) {
            ASSERT_TRUE(test::sendAll(*from, "x"));
            ASSERT_EQ("x", rig_.read(*to, 1));
            for (Duration idle{}; idle < kTimeout - kLook; idle += kLook) pass(kLook);
        }
    }
    EXPECT_EQ(1U, rig_.proxy->statistics().open);
}

TEST_F(Configured, ProxyProtocolOneTellsTheClientsAddressInText) {
    rig_.options.sendProxy = SendProxy::kV1;
    connect();
    ASSERT_TRUE(test::sendAll(client_, "body"));
    // The kernel connects to a loopback address from 127.0.0.1.
    const std::string expected = "PROXY TCP4 127.0.0.1 " + loopback(1) + " " +
                                 std::to_string(test::portOf(client_.get())) + " " +
                                 std::to_string(rig_.port) + "\r\nbody";
    EXPECT_EQ(expected, rig_.read(leader_, expected.size()));
}

TEST_F(Configured, ProxyProtocolTwoTellsTheClientsAddressInBinary) {
    rig_.options.sendProxy = SendProxy::kV2;
    rig_.options.bind = Poco::Net::IPAddress("::1");
    listener_ = test::listenOn("::1");
    rig_.open(test::portOf(listener_.get()));
    rig_.setLeader("::1");
    client_ = test::connectTo("::1", rig_.port);
    leader_ = rig_.accepted(listener_);
    ASSERT_TRUE(test::sendAll(client_, "body"));
    const std::string loopback = std::string(15, '\0') + '\1';
    const auto port = [](unsigned value) {
        return std::string{static_cast<char>(value >> 8), static_cast<char>(value)};
    };
    const std::string expected = std::string("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24", 16) + loopback + loopback +
                                 port(test::portOf(client_.get())) + port(rig_.port) + "body";
    EXPECT_EQ(expected, rig_.read(leader_, expected.size()));
}

TEST_F(Configured, AMappedAddressIsToldAsIPv4) {
    rig_.options.sendProxy = SendProxy::kV1;
    rig_.options.bind.reset();
    connect();
    const std::string expected = "PROXY TCP4 127.0.0.1 " + loopback(1) + " ";
    EXPECT_EQ(expected, rig_.read(leader_, expected.size()));
}

}  // namespace
}  // namespace leader
