#include "common/base/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>

namespace leader {
namespace {

timespec asTimespec(Duration duration) {
    const auto positive = std::max(duration, Duration::zero());
    return {static_cast<time_t>(positive / std::chrono::seconds(1)),
            static_cast<long>((positive % std::chrono::seconds(1)).count())};
}

bool waitFor(short events, int fd, const Interrupt& interrupt, Duration longest) {
    pollfd waiting[] = {{fd, events, 0}, {interrupt.fd(), POLLIN, 0}};
    const timespec timeout = asTimespec(longest);
    return ppoll(waiting, 2, &timeout, nullptr) > 0 && waiting[1].revents == 0 && waiting[0].revents != 0;
}

}  // namespace

Interrupt::Interrupt() : eventFd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
}

void Interrupt::raise() {
    eventfd_write(eventFd_.get(), 1);
}

bool Interrupt::wait(Duration longest) const {
    pollfd waiting{eventFd_.get(), POLLIN, 0};
    const timespec timeout = asTimespec(longest);
    return ppoll(&waiting, 1, &timeout, nullptr) == 1;
}

bool waitReadable(int fd, const Interrupt& interrupt, Duration longest) {
    return waitFor(POLLIN, fd, interrupt, longest);
}

bool waitWritable(int fd, const Interrupt& interrupt, Duration longest) {
    return waitFor(POLLOUT, fd, interrupt, longest);
}

}  // namespace leader
