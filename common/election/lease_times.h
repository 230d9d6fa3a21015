#pragma once

#include <algorithm>

#include "common/election/engines.h"

namespace leader {

/// How the engines that hold a lease at a server share out its time.

/// How long one request may take: a sixth of the ttl, so that there is time to ask once more before a lease
/// that is renewed each third of it is in danger; who only looks on has no lease to lose.
inline Duration requestTime(const EngineOptions& options) {
    constexpr Duration kLongest = std::chrono::seconds(5);
    return options.candidate ? std::clamp(options.ttl / 6, Duration(std::chrono::milliseconds(500)), kLongest)
                             : kLongest;
}

/// For giving the lease up at the end, all tries together.
constexpr Duration kLeaveTime = std::chrono::milliseconds(4500);

}  // namespace leader
