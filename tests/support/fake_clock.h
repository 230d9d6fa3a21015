#pragma once

#include "common/base/clock.h"

namespace leader::test {

/// A clock that stands still until it is moved.
class FakeClock : public Clock {
  public:
    Instant now() const override { return now_; }
    void advance(Duration by) { now_ += by; }

  private:
    Instant now_ = Instant(std::chrono::hours(1));
};

}  // namespace leader::test
