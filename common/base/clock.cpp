#include "common/base/clock.h"

#include <ctime>

namespace leader {
namespace {

class SystemClock : public Clock {
  public:
    Instant now() const override {
        timespec t{};
        clock_gettime(CLOCK_BOOTTIME, &t);
        return Instant(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
    }
};

}  // namespace

const Clock& Clock::system() {
    static const SystemClock clock;
    return clock;
}

}  // namespace leader
