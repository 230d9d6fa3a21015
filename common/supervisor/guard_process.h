#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <set>

#include "common/base/clock.h"

namespace leader::guard {

/// All that a guard and its leader share: the instant at which the guard kills, in nanoseconds of the
/// boot-time clock. Both change it with a compare-and-swap, so that of a renewal and the end of the lease
/// exactly one comes about, whenever either of the two processes is stopped.
using Deadline = std::atomic<std::int64_t>;
static_assert(Deadline::is_always_lock_free);
/// It has passed: the guard kills, and goes on with it until it is ended.
inline constexpr std::int64_t kFired = INT64_MIN;
/// There is nothing to guard: the guard kills nobody, not even when leader is gone, with which it ends.
inline constexpr std::int64_t kIdle = INT64_MAX;

/// What leader tells its guard, a packet each. The guard sends one back for each, and one before all others
/// that says that it is ready.
struct Message {
    /// The command, which leads its process group; 0: only look at the deadline again.
    pid_t command;
};

struct Orders {
    Deadline* deadline;
    /// The guard's end of a pair of SOCK_SEQPACKET sockets. Its end of file says that leader is gone.
    int socket;
    pid_t leader;
    /// Children of leader that are not the command's.
    const std::set<pid_t>* strangers;
};

/// The guard's life. It runs in a copy of a process that has other threads, any of which may have held a
/// lock: system calls only. All signals must be blocked. Never returns.
[[noreturn]] void live(const Orders& orders);

std::int64_t nanosecondsOf(Instant instant);

}  // namespace leader::guard
