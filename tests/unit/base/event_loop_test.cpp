#include "common/base/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <vector>

#include "tests/support/fake_clock.h"

namespace leader {
namespace {

using namespace std::chrono_literals;

struct Recorder : EventHandler {
    std::function<void(std::uint32_t)> then;
    int calls = 0;
    void onEvents(std::uint32_t events) override {
        ++calls;
        if (then) then(events);
    }
};

std::pair<UniqueFd, UniqueFd> socketPair() {
    int fds[2];
    EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

TEST(EventLoop, TimersRunInTheOrderOfTheirTimesAndOnlyWhenDue) {
    test::FakeClock clock;
    EventLoop loop(clock);
    std::vector<int> order;
    loop.callAfter(2s, [&] { order.push_back(2); });
    loop.callAfter(1s, [&] { order.push_back(1); });
    loop.callAfter(3s, [&] { order.push_back(3); });
    clock.advance(2s);
    loop.turn(false);
    EXPECT_EQ((std::vector{1, 2}), order);
}

TEST(EventLoop, ACancelledTimerNeverRuns) {
    test::FakeClock clock;
    EventLoop loop(clock);
    bool ran = false;
    EventLoop::TimerId second = EventLoop::kNoTimer;
    loop.callAfter(1s, [&] { loop.cancel(second); });
    second = loop.callAfter(1s, [&] { ran = true; });
    clock.advance(1s);
    loop.turn(false);
    EXPECT_FALSE(ran);
    loop.cancel(second);
}

TEST(EventLoop, CancellingATimerThatHasRunDoesNothing) {
    test::FakeClock clock;
    EventLoop loop(clock);
    int ran = 0;
    const EventLoop::TimerId first = loop.callAfter(1s, [&] { ++ran; });
    clock.advance(1s);
    loop.turn(false);
    loop.callAfter(1s, [&] { ++ran; });
    loop.cancel(first);
    clock.advance(1s);
    loop.turn(false);
    EXPECT_EQ(2, ran);
}

TEST(EventLoop, WaitsForTheNextTimerWithoutSpinning) {
    EventLoop loop;
    const Instant start = loop.now();
    int turns = 0;
    loop.callAfter(1ms, [] {});
    loop.callAfter(30ms, [&] { loop.stop(); });
    for (bool stopped = false; !stopped; ++turns) {
        loop.turn();
        stopped = loop.now() - start >= 30ms;
    }
    EXPECT_LE(turns, 6);
}

TEST(EventLoop, ATimerSetFromATimerStillWakesTheLoop) {
    EventLoop loop;
    loop.callAfter(1ms, [&] { loop.callAfter(1ms, [&] { loop.stop(); }); });
    loop.run();
}

TEST(EventLoop, EventsOfAHandlerThatWasUnwatchedInTheSameBatchAreDropped) {
    EventLoop loop;
    const auto a = socketPair();
    const auto b = socketPair();
    Recorder onA;
    Recorder onB;
    onA.then = [&](std::uint32_t) { loop.unwatch(b.first.get(), onB); };
    onB.then = [&](std::uint32_t) { loop.unwatch(a.first.get(), onA); };
    ASSERT_FALSE(loop.watch(a.first.get(), EPOLLIN, onA));
    ASSERT_FALSE(loop.watch(b.first.get(), EPOLLIN, onB));
    ASSERT_EQ(1, write(a.second.get(), "x", 1));
    ASSERT_EQ(1, write(b.second.get(), "x", 1));
    loop.turn(false);
    EXPECT_EQ(1, onA.calls + onB.calls);
}

TEST(EventLoop, WhatIsDueComesBeforeWhatHasHappened) {
    test::FakeClock clock;
    EventLoop loop(clock);
    const auto pair = socketPair();
    std::vector<std::string> order;
    Recorder handler;
    handler.then = [&](std::uint32_t) { order.emplace_back("event"); };
    ASSERT_FALSE(loop.watch(pair.first.get(), EPOLLIN, handler));
    loop.callAfter(1s, [&] { order.emplace_back("deadline"); });
    ASSERT_EQ(1, write(pair.second.get(), "x", 1));
    clock.advance(1h);
    loop.turn(false);
    EXPECT_EQ((std::vector<std::string>{"deadline", "event"}), order);
}

TEST(EventLoop, WatchingADescriptorTwiceIsAnError) {
    EventLoop loop;
    auto [a, peer] = socketPair();
    Recorder handler;
    ASSERT_FALSE(loop.watch(a.get(), EPOLLIN, handler));
    const auto error = loop.watch(a.get(), EPOLLIN, handler);
    ASSERT_TRUE(error);
    EXPECT_NE(std::string::npos, error->message.find("File exists"));
}

}  // namespace
}  // namespace leader
