#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/election/etcd_client.h"
#include "common/election/view.h"

namespace leader {

/// Who a candidate is, as the value of its key says.
struct EtcdIdentity {
    std::string name;
    std::string address;
    /// Empty where the value is not one of ours.
    std::string uuid;
    /// It has ended what it led, or never led, and takes its key away next.
    bool left = false;

    /// {"name","address","uuid"}, and "left" when it has.
    std::string toJson() const;
    /// Any other value, as `etcdctl elect NAME 10.0.0.5` writes it, is name and address at once.
    static EtcdIdentity parse(const std::string& value);
};

/// An election as etcd's concurrency package holds it, from what is known of its keys: NAME/<lease in hex>,
/// of which the one created first leads. Knows no network; one thread.
///
/// A key can vanish while the command of its member still dies: when an operator revokes the lease, or
/// deletes the key, all hear of it at the same time. So a member that leaves in good order says so in its key
/// before it takes it away, and who follows one of ours that did not say so waits for kTakeoverDelay first,
/// in which the other one is killed; so does who has just joined, as it cannot know what was before.
class EtcdElection {
  public:
    static constexpr Duration kTakeoverDelay = std::chrono::seconds(1);

    explicit EtcdElection(const std::string& name) : name_(name), prefix_(name + "/") {}

    const std::string& prefix() const { return prefix_; }
    std::string keyOf(std::int64_t lease) const;

    /// This member's key has been created; false where it is not among `state`.
    bool join(const std::string& key, const EtcdState& state, Instant now);
    /// This member has no key any more, whatever the watch has still to say of it.
    void withdraw();
    /// This member has joined and not withdrawn.
    bool isMember() const { return self_.has_value(); }
    /// This member's key is there, and still the one created.
    bool joined() const;
    std::int64_t createRevision() const { return self_ ? self_->createRevision : 0; }

    /// All keys as they are now; some of those known may have vanished meanwhile.
    void replace(const EtcdState& state, Instant now);
    /// What a watch says; events from before the last reading are known.
    void apply(const EtcdNews& news, Instant now);

    /// Where this member leads: when it may start at the earliest.
    Instant notBefore() const { return notBefore_; }

    /// The candidates as they stand, and which one this member is: the one joined as, or else the only one
    /// that `self` is the uuid, name or address of. The view's times and engine are left to the caller.
    std::shared_ptr<View> view(const std::string& self) const;

  private:
    struct Entry {
        EtcdIdentity identity;
        std::int64_t createRevision = 0;
    };
    struct Self {
        std::string key;
        std::int64_t createRevision = 0;
    };

    static Entry entryOf(const EtcdKey& key);
    /// Keys under the prefix were asked for, which is no reason to rely on it.
    bool belongs(const EtcdKey& key) const;
    void vanished(const Entry& entry, Instant now);
    std::string selfAmong(const std::vector<Candidate>& candidates, const std::string& self) const;

    std::string name_;
    std::string prefix_;
    std::map<std::string, Entry> entries_;
    std::optional<Self> self_;
    Instant notBefore_ = Instant::min();
    /// Of the last reading of all keys, and of the last change.
    std::int64_t readRevision_ = 0;
    std::int64_t revision_ = 0;
};

}  // namespace leader
