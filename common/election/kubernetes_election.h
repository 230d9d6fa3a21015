#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/election/kubernetes_lease.h"
#include "common/election/view.h"

namespace leader {

/// An election as client-go's leaderelection holds it, from what is known of its Lease: whose it is, and from
/// when on it may be taken. Knows no network; one thread.
///
/// A lease is taken over once it has not changed for its duration by this machine's own clock; times in it
/// are never compared with that. The holder counts the same duration from before it sent its last word, so
/// that its command is gone by then. For this, a Lease that is deleted, or that somebody else has emptied,
/// under a holder is as good as held for as long.
class KubernetesElection {
  public:
    /// `self` is this member with its uuid; one that only looks on has none.
    KubernetesElection(LeaseMember self, std::chrono::seconds ttl);

    bool known() const { return known_; }
    /// Nothing: there is none, or nothing is known.
    const std::optional<KubernetesLease>& lease() const { return lease_; }
    void forget() { known_ = false; }
    /// The Lease as it is now; nothing: there is none.
    void learn(std::optional<KubernetesLease> lease, Instant now, std::chrono::system_clock::time_point wall);

    /// From when on this member may create or take it.
    Instant freeAt() const { return freeAt_; }
    /// The holder, if there is one, has let the duration pass.
    bool expired(Instant now) const { return now >= freeAt_; }
    /// Who looks on for the first time sees only the wall clock's time of the last renewal; where that is
    /// longer ago than the duration, either the holder is gone or the clocks differ, and watching tells.
    bool doubtful(Instant now) const { return doubtful_ && !expired(now); }

    /// What to write in order to create or take it; holds() once that is learnt to have come about.
    LeaseRecord claim(const std::string& address, Instant sentAt, const std::string& wall);
    /// What to write to keep it.
    LeaseRecord renewal(const std::string& wall) const;
    void renewed(Instant sentAt);
    /// What to write to leave it as free as client-go does.
    LeaseRecord release(const std::string& wall) const;

    /// It is this member's, as it has written it; whatever others call themselves.
    bool holds() const { return held_.has_value(); }
    bool isHeld(const std::optional<KubernetesLease>& lease) const;
    Instant validUntil() const { return held_->validUntil; }
    const LeaseMember& self() const { return self_; }

    /// The holder, unless its time is over, as the only candidate. `address` is its address where it has not
    /// told; the engine and the group are left to the caller.
    std::shared_ptr<View> view(const std::string& address, Instant now) const;

  private:
    struct Claim {
        LeaseMember member;
        std::string acquireTime;
        Instant validUntil;
    };

    Duration durationOf(const KubernetesLease& lease) const;
    LeaseRecordView recordView() const;
    void learnChange(const std::optional<KubernetesLease>& lease, Instant now,
                     std::chrono::system_clock::time_point wall);
    static bool matches(const std::optional<KubernetesLease>& lease, const std::optional<Claim>& claim);

    LeaseMember self_;
    std::chrono::seconds ttl_;
    bool known_ = false;
    bool doubtful_ = false;
    std::optional<KubernetesLease> lease_;
    /// Terms only grow, even where the Lease is deleted and made anew.
    std::int64_t highestTerm_ = -1;
    Instant freeAt_;
    /// The last renewal by the holder's wall clock.
    std::optional<Instant> renewedAt_;
    std::optional<Claim> claimed_;
    std::optional<Claim> held_;
};

}  // namespace leader
