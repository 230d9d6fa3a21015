#include "common/status/changes.h"

#include <algorithm>
#include <map>

#include "common/base/printable.h"
#include "common/status/report_json.h"

namespace leader::status {
namespace {

std::string nameOrNothing(const Standing* standing) {
    return standing != nullptr ? standing->candidate.name : "";
}

std::string uuidOrNothing(const Standing* standing) {
    return standing != nullptr ? standing->candidate.uuid : "";
}

std::string indexOf(const Candidate& candidate) {
    return candidate.createIndex ? std::to_string(*candidate.createIndex) : "";
}

const Standing* find(const std::vector<Standing>& standings, const std::string& uuid) {
    const auto found = std::find_if(standings.begin(), standings.end(),
                                    [&](const auto& standing) { return standing.candidate.uuid == uuid; });
    return found == standings.end() ? nullptr : &*found;
}

void compareEngine(const Report& before, const Report& now, std::vector<Change>& changes) {
    const bool failed = before.failure() != nullptr;
    const bool fails = now.failure() != nullptr;
    if (failed != fails)
        changes.push_back({"engine", "", failed ? "down" : "up", fails ? "down" : "up",
                           fails ? now.failure()->message : ""});
}

void compareElection(const Report& before, const Report& now, std::vector<Change>& changes) {
    if (uuidOrNothing(before.leader()) != uuidOrNothing(now.leader())) {
        std::string why;
        if (before.leader() != nullptr && !now.outdated) {
            why = whyNoLonger(before.leader()->candidate, now.standings());
            if (!why.empty()) why = before.leader()->candidate.name + " " + why;
        }
        changes.push_back({"leader", "", nameOrNothing(before.leader()), nameOrNothing(now.leader()), why});
    }
    if (before.role != now.role)
        changes.push_back({"role", "", nameOf(before.role), nameOf(now.role), now.reason});
    if (uuidOrNothing(before.self()) != uuidOrNothing(now.self()))
        changes.push_back({"self", "", nameOrNothing(before.self()), nameOrNothing(now.self()), ""});
    const std::string groupBefore = before.view() != nullptr ? before.view()->group : "";
    const std::string group = now.view() != nullptr ? now.view()->group : "";
    if (groupBefore != group) changes.push_back({"group", "", groupBefore, group, ""});
}

void compareCandidate(const Standing& before, const Standing& now, std::vector<Change>& changes) {
    const Candidate& a = before.candidate;
    const Candidate& b = now.candidate;
    const std::vector<std::pair<const char*, std::pair<std::string, std::string>>> fields = {
        {"name", {a.name, b.name}},
        {"address", {a.address, b.address}},
        {"create_index", {indexOf(a), indexOf(b)}},
        {"state", {a.state, b.state}},
        {"health", {a.health, b.health}},
        {"eligible", {before.eligible ? "true" : "false", now.eligible ? "true" : "false"}},
    };
    for (const auto& [field, values] : fields)
        if (values.first != values.second)
            changes.push_back({field, b.name, values.first, values.second, ""});
}

void compareCandidates(const Report& before, const Report& now, std::vector<Change>& changes) {
    std::map<std::string, const Standing*> known;
    for (const Standing& standing : before.standings()) known[standing.candidate.uuid] = &standing;
    for (const Standing& standing : now.standings()) {
        const auto found = known.find(standing.candidate.uuid);
        if (found == known.end()) {
            changes.push_back({"joined", standing.candidate.name, "", "", standing.reason});
            continue;
        }
        compareCandidate(*found->second, standing, changes);
        known.erase(found);
    }
    for (const Standing& standing : before.standings())
        if (known.count(standing.candidate.uuid) != 0)
            changes.push_back({"left", standing.candidate.name, "", "", ""});
}

std::string orNone(const std::string& text) {
    return text.empty() ? "none" : text;
}

}  // namespace

std::vector<Change> changesBetween(const Report& before, const Report& now) {
    std::vector<Change> changes;
    compareEngine(before, now, changes);
    compareElection(before, now, changes);
    compareCandidates(before, now, changes);
    return changes;
}

std::string describe(const Change& change) {
    std::string text = change.candidate.empty() ? change.what : change.candidate + " " + change.what;
    if (!change.from.empty() || !change.to.empty())
        text += ": " + orNone(change.from) + " -> " + orNone(change.to);
    if (!change.note.empty()) text += " (" + change.note + ")";
    return printable(text);
}

Poco::JSON::Object::Ptr jsonOf(const Change& change) {
    Poco::JSON::Object::Ptr object(new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER));
    object->set("what", change.what);
    object->set("candidate", textOrNull(change.candidate));
    object->set("from", textOrNull(change.from));
    object->set("to", textOrNull(change.to));
    return object;
}

std::string whyNoLonger(const Candidate& deposed, const std::vector<Standing>& now) {
    const Standing* standing = find(now, deposed.uuid);
    if (standing == nullptr) return "is gone";
    return standing->eligible ? "" : standing->reason;
}

}  // namespace leader::status
