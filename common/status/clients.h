#pragma once

#include <condition_variable>
#include <list>
#include <mutex>

#include "common/base/interrupt.h"

namespace leader::status {

/// The connections of a server, a limited number of them. Where there is no room the oldest has to go: with
/// requests of milliseconds it is one that means no good. Any thread.
class Clients {
  public:
    static constexpr std::size_t kMost = 64;
    /// What each gets before it may have to go.
    static constexpr Duration kLeastTime = std::chrono::milliseconds(100);

    struct Client {
        int fd;
        Instant since;
    };
    using Place = std::list<Client>::iterator;

    /// Returns once there is room for one more, or `stop` is raised.
    void makeRoom(const Interrupt& stop);
    /// `fd` stays the caller's, which must not close it before remove().
    Place add(int fd, Instant since);
    void remove(Place place);
    std::size_t count() const;

  private:
    mutable std::mutex mutex_;
    std::condition_variable left_;
    std::list<Client> clients_;
};

}  // namespace leader::status
