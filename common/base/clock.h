#pragma once

#include <chrono>

namespace leader {

using Duration = std::chrono::nanoseconds;

/// Tag for time points of the boot-time clock (CLOCK_BOOTTIME): monotonic, and it goes on while the machine
/// is suspended, so that a deadline agreed with another machine still holds after a resume.
struct BootTime {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootTime>;
    static constexpr bool is_steady = true;
};
using Instant = BootTime::time_point;

/// Where deadlines get the time from; tests hand in one they move by hand.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;

    /// The machine's boot-time clock. Any thread.
    static const Clock& system();
};

}  // namespace leader
