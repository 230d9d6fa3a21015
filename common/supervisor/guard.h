#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <set>

#include "common/base/event_loop.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/supervisor/guard_process.h"

namespace leader {

/// A small process that kills the command, its group and what else it started, at a deadline of the boot-time
/// clock, and at once when this process is gone: what a leader that is stopped, starved or killed cannot do.
/// It is no child as others are: waiting for all children does not find it, and its end raises no signal. The
/// loop's thread.
class Guard : public EventHandler {
  public:
    /// `onLost` is called when the guard has ended without being told to.
    Guard(EventLoop& loop, std::function<void()> onLost);
    /// Ends the guard, and it kills nothing any more.
    ~Guard() override;
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    /// Starts one, which is on its guard when this returns. To be called with none running. `strangers` are
    /// the children that are not the command's; `command` is 0 before it is started.
    [[nodiscard]] std::optional<Error> start(Instant deadline, const std::set<pid_t>& strangers,
                                             pid_t command);
    void stop();
    bool running() const { return pid_ > 0; }
    /// -1 while there is none.
    pid_t pid() const { return pid_; }
    Instant started() const { return started_; }

    /// Moves the deadline; false: too late, it has killed.
    [[nodiscard]] bool setDeadline(Instant deadline);

    /// Where the command's pid has to be written, as a guard::Message, before its first instruction.
    int socket() const { return socket_.get(); }

    void onEvents(std::uint32_t events) override;

  private:
    [[nodiscard]] std::optional<Error> spawn(const std::set<pid_t>& strangers);
    bool awaitReady() const;
    void forget();

    EventLoop& loop_;
    std::function<void()> onLost_;
    guard::Deadline* deadline_ = nullptr;
    UniqueFd socket_;
    pid_t pid_ = -1;
    Instant started_;
};

}  // namespace leader
