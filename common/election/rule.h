#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/election/view.h"

namespace leader {

/// Unknown never starts anything and is never taken for one of the others.
enum class Role { kUnknown, kFollower, kLeader };
const char* nameOf(Role role);

/// A candidate with what the rule made of it.
struct Standing {
    Candidate candidate;
    bool eligible = false;
    /// Why it leads, waits or does not count.
    std::string reason;
};

/// What follows from a view.
struct Outcome {
    Role role = Role::kUnknown;
    /// Why the role is unknown; empty otherwise.
    std::string reason;
    /// In the order of their create indexes; those without one last.
    std::vector<Standing> standings;
    /// Positions in `standings`.
    std::optional<std::size_t> leader;
    std::optional<std::size_t> self;

    const Candidate* leaderCandidate() const { return leader ? &standings[*leader].candidate : nullptr; }
    const Candidate* selfCandidate() const { return self ? &standings[*self].candidate : nullptr; }
};

/// The whole election: the eligible candidate with the lowest create index leads, of two with the same index
/// the one with the lower uuid. A pure function of the view, so that the same data gives the same leader on
/// every member. A candidate counts unless it has no create index or its state says that it is gone or going;
/// with `healthyOnly` also unless its health is `unhealthy`.
Outcome elect(const View& view, bool healthyOnly);

}  // namespace leader
