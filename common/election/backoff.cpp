#include "common/election/backoff.h"

#include <unistd.h>

#include <algorithm>

namespace leader {

// Containers are all process 1; the clock tells them apart.
Backoff::Backoff()
    : random_(static_cast<std::uint32_t>(Clock::system().now().time_since_epoch().count() ^ getpid())) {
}

Duration Backoff::next() {
    const Duration step = step_;
    step_ = std::min(step_ * 2, kLongest);
    return step - Duration(std::uniform_int_distribution<Duration::rep>(0, step.count() / 2)(random_));
}

}  // namespace leader
