#pragma once

#include <optional>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace leader {

/// Under a lease the command gets its stop signal the grace period and this before the lease's end, and KILL
/// this before it at the latest: time for the dead to be gone.
inline constexpr Duration kKillMargin = std::chrono::seconds(1);
/// When the guard kills what leader has not killed, before the lease's end.
inline constexpr Duration kGuardMargin = std::chrono::milliseconds(500);
/// What there must be at the least for trying again after a renewal that failed, before the stop signal.
inline constexpr Duration kLeastRetryTime = std::chrono::seconds(1);

/// Whether a lease that is renewed each third of its ttl is long enough for the grace period.
std::optional<Error> checkLease(Duration ttl, Duration gracePeriod);

}  // namespace leader
