#pragma once

#include <string>

#include "cmd/proxying.h"
#include "common/election/engines.h"
#include "common/election/watcher.h"
#include "common/status/tracker.h"
#include "common/supervisor/supervisor.h"

namespace leader {

/// Tells the supervisor and the proxy what the observations mean. It owns none of them. The loop's thread.
class Member {
  public:
    /// With `terms.maxStale` over zero an answer that is older is no longer gone by.
    Member(EventLoop& loop, Supervisor& supervisor, Proxy& proxy, const status::Terms& terms)
        : loop_(loop),
          supervisor_(supervisor),
          proxy_(proxy),
          forwarder_(proxy),
          maxStale_(terms.maxStale),
          leased_(holdsLease(terms.engine)),
          tracker_(terms, loop.now()) {}

    void onObservation(const std::shared_ptr<const Observation>& observation);
    /// Who leads and why, and what the command and the proxy do.
    status::Report report();

  private:
    void heed(const View& view, const Outcome& outcome);
    void logChange(const View& view, const Outcome& outcome);
    /// Once, for as long as it is the same.
    void say(const std::string& line, const std::string& more = "");
    void expectAnswerBefore(Instant deadline, const std::string& group);

    EventLoop& loop_;
    Supervisor& supervisor_;
    Proxy& proxy_;
    Forwarder forwarder_;
    Duration maxStale_;
    bool leased_;
    EventLoop::TimerId staleTimer_ = EventLoop::kNoTimer;
    status::Tracker tracker_;
    std::shared_ptr<const View> lastView_;
    std::string lastLine_;
    std::optional<Candidate> lastLeader_;
};

}  // namespace leader
