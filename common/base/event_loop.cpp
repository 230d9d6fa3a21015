#include "common/base/event_loop.h"

#include <sys/timerfd.h>

#include <algorithm>

namespace leader {

EventLoop::EventLoop(const Clock& clock)
    : clock_(clock),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timerFd_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    if (!epoll_ || !timerFd_ || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timerFd_.get(), &event) != 0)
        failure_ = Error::fromErrno("cannot create an epoll instance and its timer");
}

std::optional<Error> EventLoop::watch(int fd, std::uint32_t events, EventHandler& handler) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &handler;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return Error::fromErrno("cannot watch descriptor " + std::to_string(fd));
    return {};
}

std::optional<Error> EventLoop::change(int fd, std::uint32_t events, EventHandler& handler) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &handler;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0)
        return Error::fromErrno("cannot change the watch on descriptor " + std::to_string(fd));
    return {};
}

void EventLoop::unwatch(int fd, EventHandler& handler) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    forget(handler);
}

void EventLoop::forget(EventHandler& handler) {
    for (int i = 0; i < batchSize_; ++i)
        if (batch_[i].data.ptr == &handler) batch_[i].data.ptr = nullptr;
}

EventLoop::TimerId EventLoop::callAt(Instant when, std::function<void()> callback) {
    const TimerId id = ++lastTimer_;
    timerById_.emplace(id, timers_.emplace(when, Timer{id, std::move(callback)}));
    return id;
}

void EventLoop::cancel(TimerId timer) {
    const auto found = timerById_.find(timer);
    if (found == timerById_.end()) return;
    timers_.erase(found->second);
    timerById_.erase(found);
}

void EventLoop::run() {
    stopped_ = false;
    while (!stopped_) turn();
}

void EventLoop::turn(bool wait) {
    armTimerFd();
    const bool due = !timers_.empty() && timers_.begin()->first <= now();
    batchSize_ = std::max(0, epoll_wait(epoll_.get(), batch_.data(), kBatch, wait && !due ? -1 : 0));
    runDueTimers();
    for (int i = 0; i < batchSize_; ++i)
        if (auto* handler = static_cast<EventHandler*>(batch_[i].data.ptr))
            handler->onEvents(batch_[i].events);
    batchSize_ = 0;
}

// The kernel's timer only moves when the earliest deadline does: most turns cost no system call for it. A
// deadline that has gone by without being cleared here re-arms in the past and fires at once, which is what
// it should do.
void EventLoop::armTimerFd() {
    const Instant next = timers_.empty() ? Instant::max() : timers_.begin()->first;
    if (next == armedFor_) return;
    itimerspec spec{};
    if (next != Instant::max()) {
        const auto sinceBoot = std::max(next.time_since_epoch(), Duration(1));
        spec.it_value.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(sinceBoot).count();
        spec.it_value.tv_nsec = (sinceBoot % std::chrono::seconds(1)).count();
    }
    timerfd_settime(timerFd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
    armedFor_ = next;
}

void EventLoop::runDueTimers() {
    if (timers_.empty()) return;
    const Instant time = now();
    while (!timers_.empty() && timers_.begin()->first <= time) {
        auto first = timers_.begin();
        Timer timer = std::move(first->second);
        timerById_.erase(timer.id);
        timers_.erase(first);
        timer.callback();
    }
}

}  // namespace leader
