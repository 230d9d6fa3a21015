#pragma once

#include "common/status/report.h"

namespace leader::status {

/// What a process has been told of the election so far. One thread: the loop's.
class Tracker {
  public:
    Tracker(Terms terms, Instant now) : terms_(std::move(terms)), cameRoundAt_(now) {}

    void note(std::shared_ptr<const Observation> observation, Instant now);
    /// Without what the process does.
    Report report(Instant now);

  private:
    // A watcher that has not come round for this many of its intervals hangs.
    static constexpr int kPatience = 3;

    void countChange(Role role);

    const Terms terms_;
    Instant cameRoundAt_;
    std::shared_ptr<const Observation> seen_;
    Role role_ = Role::kUnknown;
    std::array<std::uint64_t, 3> transitions_{};
};

}  // namespace leader::status
