#include "common/election/etcd_election.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Object.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace leader {
namespace {

// As the rule knows it: a candidate that is stopped does not count.
constexpr const char* kLeftState = "stopped";

std::string hex(std::int64_t number) {
    std::array<char, 16> digits;
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<std::uint64_t>(number), 16)
            .ptr;
    return {digits.data(), end};
}

}  // namespace

std::string EtcdIdentity::toJson() const {
    Poco::JSON::Object object(Poco::JSON_PRESERVE_KEY_ORDER);
    object.set("name", name);
    object.set("address", address);
    object.set("uuid", uuid);
    if (left) object.set("left", true);
    return metadata::json::textOf(object);
}

EtcdIdentity EtcdIdentity::parse(const std::string& value) {
    namespace json = metadata::json;
    try {
        const auto object = json::asObject(json::parse(value, ""), "");
        EtcdIdentity identity{json::text(*object, "name", ""), json::text(*object, "address", ""),
                              json::text(*object, "uuid", ""), object->optValue("left", false)};
        if (!identity.name.empty()) return identity;
    } catch (const Poco::Exception&) {
        // Not one of ours.
    }
    return {value, value, "", false};
}

std::string EtcdElection::keyOf(std::int64_t lease) const {
    return prefix_ + hex(lease);
}

EtcdElection::Entry EtcdElection::entryOf(const EtcdKey& key) {
    return {EtcdIdentity::parse(key.value), key.createRevision};
}

bool EtcdElection::belongs(const EtcdKey& key) const {
    return key.key.rfind(prefix_, 0) == 0;
}

bool EtcdElection::join(const std::string& key, const EtcdState& state, Instant now) {
    self_.reset();
    replace(state, now);
    const auto own = entries_.find(key);
    if (own == entries_.end()) return false;
    self_ = Self{key, own->second.createRevision};
    notBefore_ = now + kTakeoverDelay;
    return true;
}

void EtcdElection::withdraw() {
    if (self_) entries_.erase(self_->key);
    self_.reset();
}

bool EtcdElection::joined() const {
    if (!self_) return false;
    const auto own = entries_.find(self_->key);
    return own != entries_.end() && own->second.createRevision == self_->createRevision;
}

void EtcdElection::replace(const EtcdState& state, Instant now) {
    std::map<std::string, Entry> entries;
    for (const EtcdKey& key : state.keys)
        if (belongs(key)) entries.emplace(key.key, entryOf(key));
    for (const auto& [key, entry] : entries_) {
        const auto found = entries.find(key);
        if (found == entries.end() || found->second.createRevision != entry.createRevision)
            vanished(entry, now);
    }
    entries_ = std::move(entries);
    readRevision_ = revision_ = state.revision;
}

void EtcdElection::apply(const EtcdNews& news, Instant now) {
    for (const EtcdNews::Event& event : news.events) {
        if (event.key.modRevision <= readRevision_ || !belongs(event.key)) continue;
        const auto known = entries_.find(event.key.key);
        const bool replaced =
            known != entries_.end() && known->second.createRevision != event.key.createRevision;
        if (known != entries_.end() && (event.deleted || replaced)) {
            vanished(known->second, now);
            entries_.erase(known);
        }
        if (!event.deleted) entries_[event.key.key] = entryOf(event.key);
        revision_ = event.key.modRevision;
    }
}

// Others' recipes end what they do before they take their key away; and who came later than this member never
// led before it.
void EtcdElection::vanished(const Entry& entry, Instant now) {
    if (entry.identity.left || entry.identity.uuid.empty()) return;
    if (self_ && entry.createRevision > self_->createRevision) return;
    notBefore_ = now + kTakeoverDelay;
}

std::shared_ptr<View> EtcdElection::view(const std::string& self) const {
    auto view = std::make_shared<View>();
    view->group = name_;
    view->revision = std::to_string(revision_);
    std::vector<std::pair<std::string, Entry>> inOrder(entries_.begin(), entries_.end());
    std::sort(inOrder.begin(), inOrder.end(),
              [](const auto& a, const auto& b) { return a.second.createRevision < b.second.createRevision; });
    std::set<std::string> uuids;
    for (const auto& [key, entry] : inOrder) {
        const EtcdIdentity& who = entry.identity;
        // A uuid must tell candidates apart; the key does so by nature.
        std::string uuid = who.uuid;
        if (uuid.empty() || !uuids.insert(uuid).second) uuid = key.substr(prefix_.size());
        if (self_ && self_->key == key && joined()) view->selfUuid = uuid;
        view->candidates.push_back(
            {uuid, who.name, who.address, entry.createRevision, who.left ? kLeftState : "", ""});
    }
    if (!self_ && view->selfUuid.empty()) view->selfUuid = selfAmong(view->candidates, self);
    return view;
}

// A member that was started anew has two keys until the lease of the old one ends: then it cannot be told.
std::string EtcdElection::selfAmong(const std::vector<Candidate>& candidates, const std::string& self) const {
    std::string found;
    for (const Candidate& candidate : candidates) {
        if (candidate.uuid == self) return self;
        if (candidate.name != self && candidate.address != self) continue;
        if (!found.empty()) return "";
        found = candidate.uuid;
    }
    return found.empty() ? self : found;
}

}  // namespace leader
