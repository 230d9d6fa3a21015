#include "common/status/clients.h"

#include <sys/socket.h>

namespace leader::status {

void Clients::makeRoom(const Interrupt& stop) {
    std::unique_lock lock(mutex_);
    while (clients_.size() >= kMost && !stop.raised()) {
        const Client& oldest = clients_.front();
        const Duration grace = oldest.since + kLeastTime - Clock::system().now();
        // Whoever serves it finds its connection ended, and lets it go.
        if (grace <= Duration::zero()) ::shutdown(oldest.fd, SHUT_RDWR);
        left_.wait_for(lock, grace > Duration::zero() ? grace : kLeastTime);
    }
}

Clients::Place Clients::add(int fd, Instant since) {
    const std::lock_guard lock(mutex_);
    return clients_.insert(clients_.end(), Client{fd, since});
}

void Clients::remove(Place place) {
    {
        const std::lock_guard lock(mutex_);
        clients_.erase(place);
    }
    left_.notify_all();
}

std::size_t Clients::count() const {
    const std::lock_guard lock(mutex_);
    return clients_.size();
}

}  // namespace leader::status
