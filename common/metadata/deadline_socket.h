#pragma once

#include "common/base/clock.h"
#include "common/base/interrupt.h"

namespace leader::metadata {

/// What a session asks of its socket's implementation beside being one.
class DeadlineSocket {
  public:
    virtual ~DeadlineSocket() = default;
    virtual void setDeadline(Instant deadline) = 0;
    virtual void setInterrupt(const Interrupt& interrupt) = 0;
    /// Waits for something to read; false at the deadline or once interrupted.
    virtual bool awaitBytes() = 0;
};

}  // namespace leader::metadata
