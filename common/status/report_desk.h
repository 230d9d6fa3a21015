#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "common/base/mailbox.h"
#include "common/status/report.h"

namespace leader::status {

/// Where other threads get a report that the loop's thread has just made. It is made when somebody asks, one
/// for all that ask at a time: nobody asking costs nothing, and the loop never waits for anybody.
class ReportDesk {
  public:
    /// `make` runs on the loop's thread. The loop must outlive the desk.
    ReportDesk(EventLoop& loop, std::function<Report()> make);

    const std::optional<Error>& failure() const { return bell_.failure(); }
    /// Any thread but the loop's. Null where the loop does not come round within `patience`.
    std::shared_ptr<const Report> ask(Duration patience);

  private:
    void answer();

    std::function<Report()> make_;
    std::mutex mutex_;
    std::condition_variable answered_;
    std::uint64_t asked_ = 0;
    std::uint64_t answeredUpTo_ = 0;
    std::shared_ptr<const Report> newest_;
    Doorbell bell_;
};

}  // namespace leader::status
