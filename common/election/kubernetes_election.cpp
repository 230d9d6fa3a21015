#include "common/election/kubernetes_election.h"

#include <algorithm>

namespace leader {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

// client-go's, for its validation wants more than nothing.
constexpr seconds kReleasedDuration{1};

/// Held, or emptied by somebody else than the holder, who takes the annotation away.
bool isTaken(const KubernetesLease& lease) {
    return !lease.record.holder.empty() || lease.member.has_value();
}

std::optional<Instant> onThisClock(const std::string& time, Instant now, system_clock::time_point wall) {
    const auto parsed = parseLeaseTime(time);
    if (!parsed) return {};
    return now - std::chrono::duration_cast<Duration>(wall - *parsed);
}

}  // namespace

KubernetesElection::KubernetesElection(LeaseMember self, seconds ttl) : self_(std::move(self)), ttl_(ttl) {
}

Duration KubernetesElection::durationOf(const KubernetesLease& lease) const {
    return lease.record.duration > seconds(0) ? lease.record.duration : ttl_;
}

void KubernetesElection::learn(std::optional<KubernetesLease> lease, Instant now,
                               system_clock::time_point wall) {
    const bool same =
        known_ && lease.has_value() == lease_.has_value() && (!lease || lease->record == lease_->record);
    if (!same) learnChange(lease, now, wall);
    lease_ = std::move(lease);
    known_ = true;
    renewedAt_ = lease_ ? onThisClock(lease_->record.renewTime, now, wall) : std::nullopt;
    if (lease_) highestTerm_ = std::max(highestTerm_, lease_->record.transitions);
    if (!matches(lease_, held_)) held_.reset();
    if (!held_ && matches(lease_, claimed_)) held_ = claimed_;
}

void KubernetesElection::learnChange(const std::optional<KubernetesLease>& lease, Instant now,
                                     system_clock::time_point wall) {
    const bool first = !known_ && !lease_;
    doubtful_ = false;
    if (!lease) {
        // What was held when it vanished stays so; freeAt_ says until when.
        if (!lease_ || !isTaken(*lease_)) freeAt_ = std::max(freeAt_, now);
        return;
    }
    if (lease_ && lease->record == lease_->record) return;
    freeAt_ = isTaken(*lease) ? now + durationOf(*lease) : now;
    const bool looksOn = self_.uuid.empty();
    if (!first || !looksOn || !isTaken(*lease)) return;
    const auto renewed = parseLeaseTime(lease->record.renewTime);
    const Duration age = renewed ? std::max(Duration::zero(), Duration(wall - *renewed)) : Duration::max();
    doubtful_ = age >= durationOf(*lease);
    if (doubtful_) return;
    freeAt_ -= age;
}

bool KubernetesElection::matches(const std::optional<KubernetesLease>& lease,
                                 const std::optional<Claim>& claim) {
    return lease && claim && lease->member && lease->record.holder == claim->member.name &&
           lease->member->uuid == claim->member.uuid && lease->record.transitions == claim->member.term &&
           lease->record.acquireTime == claim->acquireTime;
}

bool KubernetesElection::isHeld(const std::optional<KubernetesLease>& lease) const {
    return matches(lease, held_);
}

LeaseRecord KubernetesElection::claim(const std::string& address, Instant sentAt, const std::string& wall) {
    self_.address = address;
    self_.term = highestTerm_ + 1;
    claimed_ = Claim{self_, wall, sentAt + ttl_};
    return {self_.name, ttl_, wall, wall, self_.term};
}

LeaseRecord KubernetesElection::renewal(const std::string& wall) const {
    return {self_.name, ttl_, held_->acquireTime, wall, self_.term};
}

void KubernetesElection::renewed(Instant sentAt) {
    held_->validUntil = sentAt + ttl_;
}

LeaseRecord KubernetesElection::release(const std::string& wall) const {
    return {"", kReleasedDuration, wall, wall, self_.term};
}

LeaseRecordView KubernetesElection::recordView() const {
    const LeaseRecord& record = lease_->record;
    return {record.holder, record.transitions, record.renewTime, renewedAt_, record.duration};
}

std::shared_ptr<View> KubernetesElection::view(const std::string& address, Instant now) const {
    auto view = std::make_shared<View>();
    const bool looksOn = self_.uuid.empty();
    view->selfUuid = looksOn ? self_.name : self_.uuid;
    // Who does not hold the lease is no candidate, and follows all the same.
    view->onlooker = true;
    view->observedAt = now;
    if (!lease_) return view;
    view->revision = lease_->resourceVersion;
    view->lease = recordView();
    const LeaseRecord& record = lease_->record;
    if (record.holder.empty() || (!holds() && expired(now))) return view;
    const bool told = lease_->member && !lease_->member->address.empty();
    view->candidates.push_back({holds() ? self_.uuid : record.holder, record.holder,
                                told ? lease_->member->address : address, record.transitions, "", ""});
    view->validUntil = holds() ? held_->validUntil : freeAt_;
    return view;
}

}  // namespace leader
