#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/safety/crew.h"

namespace leader::test {

/// Rounds of random faults upon a crew and its store, which overlap: a round begins one, and does not wait
/// for what the one before it has done to end. Each kRoundsBetweenCalms rounds all faults end, there has to
/// be a leader within twice the ttl, and its lease is revoked, which is a fault that must be alone: who
/// cannot hear of it cannot act upon it. What happens is drawn from the seed; when it happens depends on the
/// machine, too.
class Trial {
  public:
    static constexpr int kRoundsBetweenCalms = 10;

    enum class Faults {
        kAll,
        kLateAnswers,  ///< only the one that a lease counted from the answer is wrong about, upon each leader
    };

    Trial(const Crew::Options& options, std::uint64_t seed, Faults faults = Faults::kAll);

    /// Goes on for so many rounds, or until something is violated: what that was, or nothing.
    std::string run(int rounds);

    int roundsDone() const { return round_; }
    int leaderships() const { return crew_.leaderships(); }
    /// The longest time that a leader took to be there once the faults had stopped.
    std::chrono::milliseconds slowest() const { return slowest_; }
    /// What was done when, and what the members had to say.
    std::string story();

  private:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;
    using Milliseconds = std::chrono::milliseconds;

    /// What is wrong with a member, and until when.
    struct Trouble {
        std::optional<Time> stopAt;
        std::optional<Time> continueAt;
        std::optional<Time> startAt;
        std::optional<Time> mendAt;
        bool any() const { return stopAt || continueAt || startAt || mendAt; }
    };

    void faultyRound();
    void calmRound();

    void troubleMember(int member);
    void killMember(int member);
    void askToLeave(int member);
    void stopMember(int member, Time at, Milliseconds beyondTtl);
    void stopWithARenewalUnderWay(int member);
    void cutOff(int member, Relay::Mode mode);
    void slowDown(int member);
    void killStore();
    void revoke(const Witness& leader);

    /// Lets time pass, ends faults whose time is over, and looks for violations.
    void passTime(Milliseconds time);
    void mend(Time now);
    void endAllFaults();
    std::optional<Witness> awaitLeader(long long after, const std::string& since);
    void inspect();

    int pickMember();
    Milliseconds between(Milliseconds least, Milliseconds most);
    bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
    void note(const std::string& what);
    static std::string nameOf(int member) { return "member-" + std::to_string(member); }

    Crew::Options options_;
    std::mt19937_64 random_;
    Faults faults_;
    Crew crew_;
    std::vector<Trouble> troubles_;
    std::vector<std::optional<Time>> storeStartAt_;
    Time begin_ = Clock::now();
    std::string notes_;
    std::string violation_;
    int round_ = 0;
    Milliseconds slowest_{};
};

}  // namespace leader::test
