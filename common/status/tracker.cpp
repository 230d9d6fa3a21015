#include "common/status/tracker.h"

namespace leader::status {

void Tracker::note(std::shared_ptr<const Observation> observation, Instant now) {
    // What has become too old in the meantime was a change, too.
    countChange(reportOf(seen_, now, terms_).role);
    seen_ = std::move(observation);
    cameRoundAt_ = seen_->engine.cameRoundAt;
    countChange(reportOf(seen_, now, terms_).role);
}

Report Tracker::report(Instant now) {
    Report report = reportOf(seen_, now, terms_);
    countChange(report.role);
    report.transitions = transitions_;
    report.stuck = now - cameRoundAt_ > kPatience * terms_.interval;
    return report;
}

void Tracker::countChange(Role role) {
    if (role == role_) return;
    role_ = role;
    ++transitions_[static_cast<std::size_t>(role)];
}

}  // namespace leader::status
