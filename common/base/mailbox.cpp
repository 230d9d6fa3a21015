#include "common/base/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace leader {

Doorbell::Doorbell(EventLoop& loop, std::function<void()> onRing)
    : loop_(loop), onRing_(std::move(onRing)), eventFd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!eventFd_)
        failure_ = Error::fromErrno("cannot create an eventfd");
    else
        failure_ = loop_.watch(eventFd_.get(), EPOLLIN, *this);
}

Doorbell::~Doorbell() {
    if (eventFd_) loop_.unwatch(eventFd_.get(), *this);
}

void Doorbell::ring() {
    eventfd_write(eventFd_.get(), 1);
}

void Doorbell::onEvents(std::uint32_t) {
    eventfd_t count = 0;
    eventfd_read(eventFd_.get(), &count);
    onRing_();
}

}  // namespace leader
