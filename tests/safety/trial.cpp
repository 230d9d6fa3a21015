#include "tests/safety/trial.h"

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <thread>

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 10ms;
constexpr auto kShortestRound = 300ms;
constexpr auto kLongestRound = 1200ms;
/// So many stay untroubled, or nobody could lead.
constexpr int kUntroubled = 2;
/// Below any: the first one of a Lease is 0.
constexpr long long kNoTerm = -1;

}  // namespace

Trial::Trial(const Crew::Options& options, std::uint64_t seed, Faults faults)
    : options_(options),
      random_(seed),
      faults_(faults),
      crew_(options),
      troubles_(static_cast<std::size_t>(options.members)),
      storeStartAt_(crew_.store().ports().size()) {
    note("seed " + std::to_string(seed));
}

std::string Trial::run(int rounds) {
    while (round_ < rounds && violation_.empty()) {
        ++round_;
        if (round_ % kRoundsBetweenCalms == 0 || round_ == rounds)
            calmRound();
        else
            faultyRound();
    }
    return violation_;
}

void Trial::faultyRound() {
    if (faults_ == Faults::kLateAnswers) {
        if (const auto leader = crew_.leader()) stopWithARenewalUnderWay(*leader);
    } else if (chance(15))
        killStore();
    else
        troubleMember(pickMember());
    passTime(between(kShortestRound, kLongestRound));
}

void Trial::calmRound() {
    endAllFaults();
    if (violation_.empty()) note("all faults have ended");
    const auto leader = awaitLeader(kNoTerm, "after the faults stopped");
    if (!leader) return;
    revoke(*leader);
    awaitLeader(leader->term, "after the lease was revoked");
}

void Trial::troubleMember(int member) {
    const auto troubled =
        std::count_if(troubles_.begin(), troubles_.end(), [](const Trouble& each) { return each.any(); });
    if (troubles_[static_cast<std::size_t>(member)].any() || troubled >= crew_.size() - kUntroubled) return;
    switch (random_() % 8) {
        case 0:
            return killMember(member);
        case 1:
            return askToLeave(member);
        case 2:
            return stopMember(member, Clock::now(), between(200ms, 2500ms));
        case 3:
        case 4:
            return stopWithARenewalUnderWay(member);
        case 5:
            return cutOff(member, Relay::Mode::kCut);
        case 6:
            return cutOff(member, Relay::Mode::kHang);
        default:
            return slowDown(member);
    }
}

void Trial::killMember(int member) {
    note("KILL " + nameOf(member));
    crew_.process(member).signal(SIGKILL);
    crew_.process(member).waitForExit();
    troubles_[static_cast<std::size_t>(member)].startAt = Clock::now() + between(0ms, 800ms);
}

void Trial::askToLeave(int member) {
    note("TERM " + nameOf(member));
    crew_.process(member).signal(SIGTERM);
    troubles_[static_cast<std::size_t>(member)].startAt = Clock::now() + between(100ms, 800ms);
}

void Trial::stopMember(int member, Time at, Milliseconds beyondTtl) {
    Trouble& trouble = troubles_[static_cast<std::size_t>(member)];
    trouble.stopAt = at;
    trouble.continueAt = at + options_.ttl + beyondTtl;
}

// The answer arrives while nobody is there to read it, and when it is read another leads.
void Trial::stopWithARenewalUnderWay(int member) {
    if (troubles_[static_cast<std::size_t>(member)].any()) return;
    const auto delay = between(150ms, 450ms);
    note("slow down " + nameOf(member) + " by " + std::to_string(delay.count()) + " ms until it is stopped");
    crew_.relay(member).set(Relay::Mode::kPass, delay);
    const Time at = Clock::now() + between(500ms, 1500ms);
    stopMember(member, at, between(1500ms, 3000ms));
    troubles_[static_cast<std::size_t>(member)].mendAt = at + 500ms;
}

void Trial::cutOff(int member, Relay::Mode mode) {
    note((mode == Relay::Mode::kCut ? "cut off " : "let nothing through for ") + nameOf(member));
    crew_.relay(member).set(mode);
    troubles_[static_cast<std::size_t>(member)].mendAt = Clock::now() + between(500ms, options_.ttl + 1500ms);
}

void Trial::slowDown(int member) {
    const auto delay = between(50ms, 1500ms);
    note("slow down " + nameOf(member) + " by " + std::to_string(delay.count()) + " ms");
    crew_.relay(member).set(Relay::Mode::kPass, delay);
    troubles_[static_cast<std::size_t>(member)].mendAt = Clock::now() + between(500ms, options_.ttl + 1500ms);
}

// One at a time, most times: without a quorum nothing much can go wrong.
void Trial::killStore() {
    const auto down = std::count_if(storeStartAt_.begin(), storeStartAt_.end(),
                                    [](const auto& each) { return each.has_value(); });
    if (down > 0 && !chance(20)) return;
    const auto member = static_cast<std::size_t>(random_() % storeStartAt_.size());
    if (storeStartAt_[member]) return;
    note("KILL store " + std::to_string(member));
    crew_.store().kill(member);
    storeStartAt_[member] = Clock::now() + between(300ms, 2500ms);
}

void Trial::revoke(const Witness& leader) {
    note("revoke the lease of " + leader.name + ", term " + std::to_string(leader.term));
    try {
        crew_.store().revoke();
    } catch (const std::runtime_error& error) {
        note(error.what());
    }
}

void Trial::passTime(Milliseconds time) {
    const Time end = Clock::now() + time;
    for (Time now = Clock::now(); now < end && violation_.empty(); now = Clock::now()) {
        mend(now);
        inspect();
        std::this_thread::sleep_for(kTick);
    }
}

void Trial::mend(Time now) {
    const auto due = [&](std::optional<Time>& time) {
        if (!time || now < *time) return false;
        time.reset();
        return true;
    };
    for (int i = 0; i < crew_.size(); ++i) {
        Trouble& trouble = troubles_[static_cast<std::size_t>(i)];
        if (due(trouble.stopAt)) {
            note("STOP " + nameOf(i));
            crew_.process(i).signal(SIGSTOP);
        }
        if (due(trouble.continueAt)) {
            note("CONT " + nameOf(i));
            crew_.process(i).signal(SIGCONT);
        }
        if (due(trouble.mendAt)) {
            note("mend " + nameOf(i));
            crew_.relay(i).set(Relay::Mode::kPass);
        }
        if (trouble.startAt && now >= *trouble.startAt && !crew_.running(i)) {
            note("start " + nameOf(i));
            crew_.start(i);
            trouble.startAt.reset();
        }
    }
    for (std::size_t i = 0; i < storeStartAt_.size(); ++i) {
        if (!due(storeStartAt_[i])) continue;
        note("start store " + std::to_string(i));
        crew_.store().start(i);
    }
}

void Trial::endAllFaults() {
    for (auto& trouble : troubles_) trouble.stopAt.reset();
    const auto left = [&] {
        return std::any_of(troubles_.begin(), troubles_.end(),
                           [](const Trouble& each) { return each.any(); });
    };
    const Time limit = Clock::now() + patience(20s);
    do {
        mend(Time::max());
        passTime(kTick);
    } while (left() && violation_.empty() && Clock::now() < limit);
    if (!violation_.empty()) return;
    if (left()) violation_ = "a member that was told to end does not\n";
    if (!crew_.store().awaitHealthy()) throw std::runtime_error("the store does not recover");
}

std::optional<Witness> Trial::awaitLeader(long long after, const std::string& since) {
    const Time start = Clock::now();
    const Time limit = start + patience(2 * options_.ttl);
    while (violation_.empty()) {
        auto leader = crew_.witness();
        if (leader && leader->term > after) {
            slowest_ = std::max(slowest_, std::chrono::duration_cast<Milliseconds>(Clock::now() - start));
            note(leader->name + " leads under term " + std::to_string(leader->term));
            return leader;
        }
        if (Clock::now() >= limit) violation_ = "nobody leads within twice the ttl " + since + "\n";
        passTime(kTick);
    }
    return {};
}

void Trial::inspect() {
    violation_ = crew_.violations();
    for (int i = 0; i < crew_.size() && violation_.empty(); ++i)
        if (!crew_.running(i) && !troubles_[static_cast<std::size_t>(i)].startAt)
            violation_ = nameOf(i) + " has ended by itself\n";
    if (!violation_.empty()) note("violated: " + violation_);
}

int Trial::pickMember() {
    const auto leader = crew_.leader();
    if (leader && chance(65)) return *leader;
    return static_cast<int>(random_() % static_cast<unsigned>(crew_.size()));
}

Trial::Milliseconds Trial::between(Milliseconds least, Milliseconds most) {
    return least + Milliseconds(random_() % static_cast<std::uint64_t>((most - least).count() + 1));
}

void Trial::note(const std::string& what) {
    const auto since = std::chrono::duration_cast<Milliseconds>(Clock::now() - begin_);
    notes_ += std::to_string(since.count()) + " ms, round " + std::to_string(round_) + ": " + what + "\n";
}

std::string Trial::story() {
    return notes_ + crew_.logs();
}

}  // namespace leader::test
