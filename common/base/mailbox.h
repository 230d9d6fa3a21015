#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "common/base/event_loop.h"

namespace leader {

/// The wake-up half of a Mailbox: an eventfd on the loop. Without it a Mailbox would be all template.
class Doorbell : public EventHandler {
  public:
    /// `onRing` runs on the loop's thread. The loop must outlive the bell.
    Doorbell(EventLoop& loop, std::function<void()> onRing);
    ~Doorbell() override;
    Doorbell(const Doorbell&) = delete;
    Doorbell& operator=(const Doorbell&) = delete;

    const std::optional<Error>& failure() const { return failure_; }
    /// Any thread.
    void ring();
    void onEvents(std::uint32_t events) override;

  private:
    EventLoop& loop_;
    std::function<void()> onRing_;
    UniqueFd eventFd_;
    std::optional<Error> failure_;
};

/// Hands immutable values from any thread to the loop's thread. It holds one value: a reader that is late
/// gets the newest and never a backlog, so the sender is never held up and nothing grows.
template <typename T>
class Mailbox {
  public:
    Mailbox(EventLoop& loop, std::function<void(std::shared_ptr<const T>)> onMail)
        : onMail_(std::move(onMail)), bell_(loop, [this] { deliver(); }) {}

    const std::optional<Error>& failure() const { return bell_.failure(); }

    void post(std::shared_ptr<const T> value) {
        {
            const std::lock_guard lock(mutex_);
            newest_ = std::move(value);
        }
        bell_.ring();
    }

  private:
    void deliver() {
        std::shared_ptr<const T> value;
        {
            const std::lock_guard lock(mutex_);
            value.swap(newest_);
        }
        if (value) onMail_(std::move(value));
    }

    std::mutex mutex_;
    std::shared_ptr<const T> newest_;
    std::function<void(std::shared_ptr<const T>)> onMail_;
    Doorbell bell_;
};

}  // namespace leader
