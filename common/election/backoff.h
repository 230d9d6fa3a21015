#pragma once

#include <random>

#include "common/base/clock.h"

namespace leader {

/// How long to wait before trying again: from 100 ms, doubled each time, to 5 s, each less a random part of
/// up to a half, so that members that failed together do not try again together.
class Backoff {
  public:
    static constexpr Duration kFirst = std::chrono::milliseconds(100);
    static constexpr Duration kLongest = std::chrono::seconds(5);

    Backoff();
    Duration next();
    void reset() { step_ = kFirst; }

  private:
    Duration step_ = kFirst;
    std::minstd_rand random_;
};

}  // namespace leader
