#pragma once

#include <string>

#include "cmd/proxying.h"
#include "common/election/watcher.h"
#include "common/supervisor/supervisor.h"

namespace leader {

/// Tells the supervisor and the proxy what the observations mean. It owns none of them. The loop's thread.
class Member {
  public:
    /// With `maxStale` over zero an answer that is older is no longer gone by.
    Member(EventLoop& loop, Supervisor& supervisor, Proxy& proxy, Duration maxStale)
        : loop_(loop), supervisor_(supervisor), proxy_(proxy), maxStale_(maxStale) {}

    void onObservation(const Observation& observation);

  private:
    void logChange(const View& view, const Outcome& outcome);
    void expectAnswerBefore(Instant deadline);

    EventLoop& loop_;
    Supervisor& supervisor_;
    Proxy& proxy_;
    Duration maxStale_;
    EventLoop::TimerId staleTimer_ = EventLoop::kNoTimer;
    std::string lastLine_;
};

}  // namespace leader
