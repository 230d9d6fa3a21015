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
/// It is no child as others are: waiting for all children does not find it, and its end raises no signal.
/// One that is prepared sleeps until it is needed, as making it takes longer than all else that has to be
/// done before a command can start. The loop's thread.
class Guard : public EventHandler {
  public:
    /// `onLost` is called when a guard has ended without being told to, and when one that is on its guard
    /// does not answer, which is ended then.
    Guard(EventLoop& loop, std::function<void()> onLost);
    /// Ends the guard, and it kills nothing any more.
    ~Guard() override;
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    /// Makes one that kills nobody until start() puts it on its guard, and ends with this process. Does
    /// nothing where there is one. `strangers` are the children that are not the command's.
    [[nodiscard]] std::optional<Error> prepare(const std::set<pid_t>& strangers);
    /// Puts one on its guard: the one prepared, or another where it has ended or knows other strangers. To be
    /// called with none running. `command` is 0 before it is started.
    [[nodiscard]] std::optional<Error> start(Instant deadline, const std::set<pid_t>& strangers,
                                             pid_t command);
    /// There is nothing left to guard, and will not be: the guard kills nobody any more, and ends with this
    /// process at the latest. Takes no time, as stop() does.
    void release();
    /// Waits until the guard has ended.
    void stop();
    /// One is on its guard.
    bool running() const { return pid_ > 0 && deadline_->load() != guard::kIdle; }
    /// -1 while there is none.
    pid_t pid() const { return pid_; }
    Instant started() const { return started_; }

    /// Moves the deadline; false: too late, it has killed.
    [[nodiscard]] bool setDeadline(Instant deadline);

    /// Where the command's pid has to be written, as a guard::Message, before its first instruction.
    int socket() const { return socket_.get(); }

    void onEvents(std::uint32_t events) override;

  private:
    [[nodiscard]] std::optional<Error> makePage();
    [[nodiscard]] std::optional<Error> spawn(const std::set<pid_t>& strangers);
    /// For a command that has these strangers.
    bool preparedFor(const std::set<pid_t>& strangers) const;
    [[nodiscard]] std::optional<Error> arm(Instant deadline, pid_t command);
    bool awaitReady();
    bool hear();
    void lose();

    EventLoop& loop_;
    std::function<void()> onLost_;
    guard::Deadline* deadline_ = nullptr;
    UniqueFd socket_;
    pid_t pid_ = -1;
    /// As the guard knows them.
    std::set<pid_t> strangers_;
    /// It has been on its guard: it knows a command, so it is none for another one.
    bool used_ = false;
    /// It has answered the last message that it has to answer in time, or has said that it is ready.
    bool heard_ = false;
    Instant started_;
    EventLoop::TimerId answerTimer_ = EventLoop::kNoTimer;
};

}  // namespace leader
