#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/election/watcher.h"

/// What leader-status prints and what the status server serves. It knows neither the supervisor nor the
/// proxy: their figures come in as plain values.
namespace leader::status {

using WallTime = std::chrono::system_clock::time_point;

/// The command that this process runs while it leads.
struct CommandReport {
    /// The supervisor's: waiting, settling, running, stopping, ended.
    std::string state;
    bool running = false;
    std::optional<int> pid;
    /// The last start.
    std::optional<WallTime> started;
    int restarts = 0;
    std::map<int, std::uint64_t> exits;
};

struct ProxyReport {
    struct Port {
        std::uint16_t listen = 0;
        std::uint16_t target = 0;
        bool listening = false;
    };
    std::vector<Port> ports;
    std::uint64_t connections = 0;
    std::uint64_t refused = 0;
    std::uint64_t cut = 0;
    std::uint64_t bytesToLeader = 0;
    std::uint64_t bytesFromLeader = 0;
    std::size_t open = 0;
    std::size_t held = 0;
};

/// Who leads and why, and what this process does, at one instant. Immutable once it is handed on.
struct Report {
    Instant at;
    /// The engine's URL.
    std::string engine;
    /// What was last seen; null before the engine has said anything.
    std::shared_ptr<const Observation> seen;
    /// There is nothing, or it is too old to go by at this instant.
    bool outdated = true;
    Role role = Role::kUnknown;
    /// Why the role is unknown; empty otherwise.
    std::string reason;

    /// Of the role since the process began, by the new one.
    std::array<std::uint64_t, 3> transitions{};
    /// The watcher has not come round for far too long.
    bool stuck = false;
    std::optional<CommandReport> command;
    std::optional<ProxyReport> proxy;

    const View* view() const { return seen ? seen->view.get() : nullptr; }
    /// Null where nobody leads and where it is not known now.
    const Standing* leader() const;
    const Standing* self() const;
    const std::vector<Standing>& standings() const;
    /// Why the engine does not answer now, or null.
    const Error* failure() const { return seen && seen->failure ? &*seen->failure : nullptr; }
    std::optional<Duration> age() const;
    /// What the engine's record says, or null.
    const LeaseRecordView* lease() const {
        return view() != nullptr && view()->lease ? &*view()->lease : nullptr;
    }
    /// Since the holder last renewed it, and until it is over unless that happens again, both by the holder's
    /// clock: below zero where that is ahead, or it is over. Nothing where nothing tells, or nobody holds it.
    std::optional<Duration> renewedAgo() const;
    std::optional<Duration> expiresIn() const;
};

/// For how long what was seen is gone by, and where it is from.
struct Terms {
    std::string engine;
    /// Zero: for ever. A lease ends all the same.
    Duration maxStale{};
    /// How often the watcher comes round, at the least.
    Duration interval = std::chrono::seconds(60);
};

Report reportOf(std::shared_ptr<const Observation> seen, Instant at, const Terms& terms);

/// This instant on the clock on the wall, for people only.
WallTime wallTimeOf(Instant instant);
/// 2026-01-31T09:30:00.123Z
std::string formatTime(WallTime time);

}  // namespace leader::status
