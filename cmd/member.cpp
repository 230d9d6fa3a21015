#include "cmd/member.h"

#include "cmd/reporting.h"
#include "common/base/log.h"
#include "common/cli/duration.h"

namespace leader {
namespace {

Leadership leadership(const View& view, const Candidate& self, bool leased) {
    std::optional<Instant> validUntil;
    if (leased) validUntil = view.validUntil.value_or(view.observedAt);
    const std::string index = std::to_string(*self.createIndex);
    return {*self.createIndex,
            {{"LEADER_GROUP", view.group},
             {"LEADER_NAME", self.name},
             {"LEADER_ADDRESS", self.address},
             {"LEADER_INDEX", index},
             {"LEADER_TERM", index}},
            validUntil};
}

std::string whyNot(const Outcome& outcome) {
    if (outcome.role == Role::kUnknown) return outcome.reason;
    const Candidate* leader = outcome.leaderCandidate();
    return leader == nullptr ? "no candidate counts" : leader->name + " leads";
}

}  // namespace

void Member::onObservation(const std::shared_ptr<const Observation>& observation) {
    tracker_.note(observation, loop_.now());
    // A view that was followed by a failure at once may come with it only: the mailbox holds the newest.
    if (observation->view && observation->view != lastView_) heed(*observation->view, observation->outcome);
    lastView_ = observation->view;
    if (observation->failure) supervisor_.doubt(observation->failure->message);
}

void Member::heed(const View& view, const Outcome& outcome) {
    expectAnswerBefore(view.observedAt + maxStale_, view.group);
    logChange(view, outcome);
    if (outcome.role == Role::kUnknown)
        proxy_.setLeaderUnknown();
    else
        forwarder_.forwardTo(outcome.leaderCandidate());
    if (outcome.role == Role::kLeader)
        supervisor_.lead(leadership(view, *outcome.selfCandidate(), leased_));
    else if (leased_)
        supervisor_.lose(whyNot(outcome));
    else
        supervisor_.follow(whyNot(outcome));
}

void Member::logChange(const View& view, const Outcome& outcome) {
    std::string line = std::string(nameOf(outcome.role)) + " in " + view.group;
    if (outcome.role == Role::kLeader)
        line += " as " + outcome.selfCandidate()->name + ", create index " +
                std::to_string(*outcome.selfCandidate()->createIndex);
    else
        line += ": " + whyNot(outcome);
    say(line, before(lastLeader_, outcome));
    if (const Candidate* leader = outcome.leaderCandidate()) lastLeader_ = *leader;
}

void Member::say(const std::string& line, const std::string& more) {
    if (line != lastLine_) log::info(line + more);
    lastLine_ = line;
}

status::Report Member::report() {
    status::Report report = tracker_.report(loop_.now());
    report.command = reportOf(supervisor_.status());
    report.proxy = reportOf(proxy_);
    return report;
}

void Member::expectAnswerBefore(Instant deadline, const std::string& group) {
    if (maxStale_ == Duration::zero()) return;
    loop_.cancel(staleTimer_);
    staleTimer_ = loop_.callAt(deadline, [this, group] {
        const std::string why = "the engine has not answered for " + cli::formatDuration(maxStale_);
        say(std::string(nameOf(Role::kUnknown)) + " in " + group + ": " + why);
        proxy_.setLeaderUnknown();
        supervisor_.follow(why);
    });
}

}  // namespace leader
