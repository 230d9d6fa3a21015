#include "common/status/report.h"

#include <Poco/DateTimeFormatter.h>
#include <Poco/Timestamp.h>

#include "common/cli/duration.h"

namespace leader::status {
namespace {

/// Why what was seen says nothing about this instant; empty where it does.
std::string objection(const Observation* seen, Instant at, Duration maxStale) {
    if (seen == nullptr) return "the engine has not answered yet";
    if (!seen->view) return seen->failure ? seen->failure->message : "the engine has not answered yet";
    if (seen->view->validUntil && at >= *seen->view->validUntil) return "the lease has run out";
    if (maxStale > Duration::zero() && at - seen->view->observedAt >= maxStale)
        return "the engine has not answered for " + cli::formatDuration(maxStale);
    return "";
}

}  // namespace

Report reportOf(std::shared_ptr<const Observation> seen, Instant at, const Terms& terms) {
    Report report;
    report.at = at;
    report.engine = terms.engine;
    report.seen = std::move(seen);
    report.reason = objection(report.seen.get(), at, terms.maxStale);
    report.outdated = !report.reason.empty();
    if (report.outdated) return report;
    report.role = report.seen->outcome.role;
    report.reason = report.seen->outcome.reason;
    return report;
}

const std::vector<Standing>& Report::standings() const {
    static const std::vector<Standing> none;
    return seen ? seen->outcome.standings : none;
}

// With a role of its own unknown a member can still see who leads, unless what it sees is too old.
const Standing* Report::leader() const {
    if (outdated || !seen->outcome.leader) return nullptr;
    return &seen->outcome.standings[*seen->outcome.leader];
}

const Standing* Report::self() const {
    return seen && seen->outcome.self ? &seen->outcome.standings[*seen->outcome.self] : nullptr;
}

std::optional<Duration> Report::age() const {
    if (view() == nullptr) return {};
    return at - view()->observedAt;
}

std::optional<Duration> Report::renewedAgo() const {
    if (lease() == nullptr || !lease()->renewedAt) return {};
    return at - *lease()->renewedAt;
}

std::optional<Duration> Report::expiresIn() const {
    const auto ago = renewedAgo();
    if (!ago || lease()->holder.empty()) return {};
    return lease()->duration - *ago;
}

WallTime wallTimeOf(Instant instant) {
    const Duration ago = Clock::system().now() - instant;
    return std::chrono::system_clock::now() -
           std::chrono::duration_cast<std::chrono::system_clock::duration>(ago);
}

std::string formatTime(WallTime time) {
    const auto sinceEpoch = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
    return Poco::DateTimeFormatter::format(Poco::Timestamp(sinceEpoch.count()), "%Y-%m-%dT%H:%M:%S.%iZ");
}

}  // namespace leader::status
