#pragma once

#include <Poco/JSON/Object.h>

#include <string>
#include <vector>

#include "common/status/report.h"

namespace leader::status {

/// One thing that is not as it was.
struct Change {
    /// "role", "leader", "self", "group", "engine" (up, down), "joined", "left", or a field of a candidate.
    std::string what;
    /// The candidate that it is about; empty where it is about none.
    std::string candidate;
    std::string from;
    std::string to;
    /// More for people.
    std::string note;
};

/// What changed from one report to the next, what matters most first.
std::vector<Change> changesBetween(const Report& before, const Report& now);

/// For people: "leader: web-app-1 -> web-app-2 (web-app-1 is stopped)".
std::string describe(const Change& change);
/// {"what", "candidate", "from", "to"}; what is empty is null.
Poco::JSON::Object::Ptr jsonOf(const Change& change);

/// Why the candidate that led no longer does: "is stopped", "is gone"; empty where nothing is wrong with it.
std::string whyNoLonger(const Candidate& deposed, const std::vector<Standing>& now);

}  // namespace leader::status
