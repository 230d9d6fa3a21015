#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace leader {

/// Somebody who can lead.
struct Candidate {
    /// Tells candidates apart, and nothing else does: two may share a name or an address.
    std::string uuid;
    std::string name;
    std::string address;
    /// The order in which the candidates came; without one a candidate does not count.
    std::optional<std::int64_t> createIndex;
    /// What the engine says of its life and health; empty where it says nothing.
    std::string state;
    std::string health;
};

/// What a record of the leadership that somebody else may read says of its lease, for people: nothing is
/// concluded from it, as its times are on the holder's wall clock.
struct LeaseRecordView {
    /// Empty: free.
    std::string holder;
    std::int64_t transitions = 0;
    /// As the record has it; empty where it has none.
    std::string renewTime;
    /// The same on this machine's clocks; nothing where it is no time.
    std::optional<Instant> renewedAt;
    std::chrono::seconds duration{0};
};

/// What an engine saw at one time: immutable once it is handed on.
struct View {
    /// "stack/service", or the election's name.
    std::string group;
    std::string engine;
    /// A token of the engine's data; good for telling whether something changed.
    std::string revision;
    std::vector<Candidate> candidates;
    /// This member's uuid; empty where it is not known, or cannot be told from others of its name.
    std::string selfUuid;
    /// This member need not be a candidate: it looks at a service of others.
    bool onlooker = false;
    /// When the engine last vouched for this.
    Instant observedAt;
    /// With a lease: the end of what may be concluded from this, counted from before the renewal was sent.
    std::optional<Instant> validUntil;
    /// How long the engine took for the answer, without the waiting for a change; nothing where all of it was
    /// waiting.
    std::optional<Duration> latency;
    /// Where the engine keeps such a record, and has one.
    std::optional<LeaseRecordView> lease;
};

}  // namespace leader
