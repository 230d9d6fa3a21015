#pragma once

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace leader {

/// Ends the waiting of one thread from another, once and for good.
class Interrupt {
  public:
    Interrupt();

    /// Any thread; waits under way and later ones end at once.
    void raise();
    bool raised() const { return wait(Duration::zero()); }
    /// Waits at most `longest`; true when raised.
    bool wait(Duration longest) const;
    /// Readable once raised, to be polled beside other descriptors.
    int fd() const { return eventFd_.get(); }

  private:
    UniqueFd eventFd_;
};

/// Waits until `fd` is readable; false when `interrupt` or the time came first. A negative `fd` is only
/// waited past.
bool waitReadable(int fd, const Interrupt& interrupt, Duration longest);
/// The same for room to write.
bool waitWritable(int fd, const Interrupt& interrupt, Duration longest);

}  // namespace leader
