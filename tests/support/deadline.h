#pragma once

#include "common/base/clock.h"

namespace leader::test {

/// A deadline for what waits on the machine's clock.
inline Instant in(Duration time) {
    return Clock::system().now() + time;
}

}  // namespace leader::test
