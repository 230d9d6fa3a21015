#pragma once

#include <sys/signalfd.h>

#include <functional>
#include <string>

#include "common/base/event_loop.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace leader {

/// What a signal does to a process that does nothing about it (signal(7)).
enum class DefaultAction { kTerminate, kStop, kIgnore };

DefaultAction defaultActionOf(int signal);

/// "TERM", "RTMIN+3"; the number for signals without a name.
std::string signalName(int signal);

/// Reads `TERM`, `SIGTERM`, `15`, `RTMIN+1`, `RTMAX-2`, in any case.
Result<int> parseSignal(const std::string& text);

/// Every signal that can be caught, as events on a loop. From its construction all of them are blocked in the
/// calling thread and in the threads that it starts from then on: construct it before any other thread.
class SignalReceiver : public EventHandler {
  public:
    using Sink = std::function<void(const signalfd_siginfo&)>;

    /// `sink` runs on the loop's thread. Signals that this process caused itself (SIGPIPE) do not reach it.
    SignalReceiver(EventLoop& loop, Sink sink);
    ~SignalReceiver() override;
    SignalReceiver(const SignalReceiver&) = delete;
    SignalReceiver& operator=(const SignalReceiver&) = delete;

    const std::optional<Error>& failure() const { return failure_; }
    /// Hands on the signals that have arrived, a batch at most, without waiting. False if there were none.
    bool receive();
    void onEvents(std::uint32_t) override { receive(); }

  private:
    EventLoop& loop_;
    Sink sink_;
    UniqueFd fd_;
    std::optional<Error> failure_;
};

}  // namespace leader
