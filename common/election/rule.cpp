#include "common/election/rule.h"

#include <Poco/String.h>

#include <algorithm>
#include <array>
#include <limits>

namespace leader {
namespace {

constexpr std::array kGoneStates = {"stopped", "stopping", "removed", "removing",
                                    "purged",  "purging",  "error",   "erroring"};

/// Why the candidate does not count; empty when it does.
std::string objection(const Candidate& candidate, bool healthyOnly) {
    if (!candidate.createIndex) return "has no create index";
    const bool gone = std::any_of(kGoneStates.begin(), kGoneStates.end(), [&](const char* state) {
        return Poco::icompare(candidate.state, state) == 0;
    });
    if (gone) return "is " + Poco::toLower(candidate.state);
    if (healthyOnly && Poco::icompare(candidate.health, "unhealthy") == 0) return "is unhealthy";
    return "";
}

bool createdBefore(const Standing& a, const Standing& b) {
    constexpr auto kLast = std::numeric_limits<std::int64_t>::max();
    const auto indexOfA = a.candidate.createIndex.value_or(kLast);
    const auto indexOfB = b.candidate.createIndex.value_or(kLast);
    return indexOfA != indexOfB ? indexOfA < indexOfB : a.candidate.uuid < b.candidate.uuid;
}

void judge(Outcome& outcome, bool healthyOnly) {
    for (std::size_t i = 0; i < outcome.standings.size(); ++i) {
        Standing& standing = outcome.standings[i];
        standing.reason = objection(standing.candidate, healthyOnly);
        standing.eligible = standing.reason.empty();
        if (!standing.eligible) continue;
        if (!outcome.leader) {
            outcome.leader = i;
            standing.reason = "leads: the lowest create index that counts";
        } else {
            standing.reason = "waits behind " + outcome.leaderCandidate()->name;
        }
    }
}

void findSelf(Outcome& outcome, const View& view) {
    if (view.selfUuid.empty()) {
        // It may be the leader itself: whoever looks on is a member or none.
        outcome.reason = view.onlooker ? "it is not known which container this is; say so with --self"
                                       : "several candidates have this member's name or address; name it by "
                                         "its uuid with --self";
        return;
    }
    if (outcome.leader && outcome.leaderCandidate()->uuid == view.selfUuid) outcome.self = outcome.leader;
    for (std::size_t i = 0; i < outcome.standings.size() && !outcome.self; ++i)
        if (outcome.standings[i].candidate.uuid == view.selfUuid) outcome.self = i;
    if (!outcome.self && !view.onlooker)
        outcome.reason = "this container (" + view.selfUuid + ") is not among those of " + view.group;
    else if (outcome.self && !outcome.selfCandidate()->createIndex)
        outcome.reason = "this container (" + outcome.selfCandidate()->name + ") has no create index";
}

}  // namespace

const char* nameOf(Role role) {
    switch (role) {
        case Role::kLeader:
            return "leader";
        case Role::kFollower:
            return "follower";
        case Role::kUnknown:
            break;
    }
    return "unknown";
}

Outcome elect(const View& view, bool healthyOnly) {
    Outcome outcome;
    for (const Candidate& candidate : view.candidates) outcome.standings.push_back({candidate, false, ""});
    std::sort(outcome.standings.begin(), outcome.standings.end(), createdBefore);
    judge(outcome, healthyOnly);
    findSelf(outcome, view);
    if (outcome.reason.empty())
        outcome.role = outcome.self && outcome.self == outcome.leader ? Role::kLeader : Role::kFollower;
    return outcome;
}

}  // namespace leader
