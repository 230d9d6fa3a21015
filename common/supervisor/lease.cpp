#include "common/supervisor/lease.h"

#include "common/cli/duration.h"

namespace leader {

std::optional<Error> checkLease(Duration ttl, Duration gracePeriod) {
    // When a renewal is due, two thirds are left.
    const Duration needed = gracePeriod + kKillMargin + kLeastRetryTime;
    if (ttl - ttl / 3 >= needed) return {};
    const auto least = std::chrono::ceil<std::chrono::seconds>(needed + needed / 2);
    return Error{"two thirds of " + cli::formatDuration(ttl) + " are less than --grace-period (" +
                 cli::formatDuration(gracePeriod) +
                 ") and 2s, which is how long before the lease's end the command "
                 "must be told to stop; give --ttl " +
                 cli::formatDuration(least) + " or more, or a shorter --grace-period"};
}

}  // namespace leader
