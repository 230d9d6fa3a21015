#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace leader {

/// Gets the events of exactly one watched descriptor. It may unwatch or destroy itself, or any other handler,
/// while it is called; it must not throw.
class EventHandler {
  public:
    virtual ~EventHandler() = default;
    /// EPOLLIN, EPOLLOUT, EPOLLHUP, … as epoll_wait(2) gave them.
    virtual void onEvents(std::uint32_t events) = 0;
};

/// One epoll instance with timers. It owns neither the descriptors nor the handlers. One thread only.
class EventLoop {
  public:
    using TimerId = std::uint64_t;
    static constexpr TimerId kNoTimer = 0;

    explicit EventLoop(const Clock& clock = Clock::system());
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Why the loop cannot be used (no descriptors left), or nothing. Ask once before anything else.
    const std::optional<Error>& failure() const { return failure_; }

    /// Calls `handler` for `events` (EPOLLIN | EPOLLET, …) on `fd` until unwatch().
    [[nodiscard]] std::optional<Error> watch(int fd, std::uint32_t events, EventHandler& handler);
    [[nodiscard]] std::optional<Error> change(int fd, std::uint32_t events, EventHandler& handler);
    /// To be called before `fd` is closed. Events of the handler that are already fetched are dropped.
    void unwatch(int fd, EventHandler& handler);
    /// Instead of it where the descriptor is closed at once and no other process has it: closing it ends the
    /// watch (epoll(7)), which saves a system call.
    void forget(EventHandler& handler);

    /// Calls `callback` once, at or after `when`. Timers that are due at once run in the order of their
    /// times.
    TimerId callAt(Instant when, std::function<void()> callback);
    TimerId callAfter(Duration delay, std::function<void()> callback) {
        return callAt(now() + delay, std::move(callback));
    }
    /// Unknown and expired timers, and kNoTimer, are ignored.
    void cancel(TimerId timer);

    Instant now() const { return clock_.now(); }

    /// Runs until stop().
    void run();
    /// Waits for events or timers once, not at all with wait == false, and serves them: what is due comes
    /// before what has happened, so that after this process was stopped for a while no event is taken for one
    /// in time.
    void turn(bool wait = true);
    void stop() { stopped_ = true; }

  private:
    struct Timer {
        TimerId id;
        std::function<void()> callback;
    };

    void armTimerFd();
    void runDueTimers();

    static constexpr int kBatch = 256;

    const Clock& clock_;
    std::optional<Error> failure_;
    UniqueFd epoll_;
    UniqueFd timerFd_;
    Instant armedFor_ = Instant::max();
    std::multimap<Instant, Timer> timers_;
    std::unordered_map<TimerId, std::multimap<Instant, Timer>::iterator> timerById_;
    TimerId lastTimer_ = kNoTimer;
    std::array<epoll_event, kBatch> batch_{};
    int batchSize_ = 0;
    bool stopped_ = false;
};

}  // namespace leader
