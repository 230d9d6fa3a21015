#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/soak/fleet.h"
#include "tests/soak/load.h"

namespace leader::test {

/// What was done to the fleet, and how it took that.
struct Tally {
    int failovers = 0;
    int faults = 0;
    /// Of members, and of commands alone.
    int kills = 0;
    std::chrono::milliseconds slowest{};
    /// In which the commands of two members ran: the old leader's ends while the new one's begins.
    std::chrono::milliseconds overlap{};
    std::chrono::milliseconds longestOverlap{};
};

/// Rounds of failovers and metadata faults upon a fleet under load. After each all have to agree: the command
/// runs on the member that is expected to lead and on no other, and goes on undisturbed while the metadata
/// fail. What is wrong, and an interruption, is thrown.
class Soak {
  public:
    using Clock = Fleet::Clock;
    using Milliseconds = std::chrono::milliseconds;

    struct Violation {
        std::string what;
    };
    struct Interrupted {};

    Soak(Fleet& fleet, std::uint64_t seed, const std::atomic<bool>& interrupted);

    /// Goes on for so long, and some seconds more until a round is over.
    void run(Milliseconds time);
    /// Ends the load, waits until nothing goes on any more, the same member leading each time, and measures.
    std::vector<Footprint> rest();

    const Tally& tally() const { return tally_; }
    const Traffic& traffic() const { return load_.traffic(); }
    /// What was done when, the last of it.
    const std::string& story() const { return story_; }

  private:
    struct Action {
        const char* name;
        void (Soak::*act)(int leader);
        /// Whether the leader's process ends of it.
        bool ends;
    };
    struct MetadataFault {
        const char* name;
        void (Soak::*begin)(MetadataServer& server);
    };
    static const std::vector<Action> kActions;
    static const std::vector<MetadataFault> kFaults;

    void round();
    void failover();
    void makeLast(int leader);
    void stopState(int leader);
    void freeze(int leader);
    void killLeader(int leader);
    void terminate(int leader);
    void killCommand(int leader);
    void killFollower(int leader);
    void comeBack(int member);

    void beginFault();
    void endFault();
    void down(MetadataServer& server);
    void hang(MetadataServer& server) { misbehave(server, Fault::hang()); }
    void trickle(MetadataServer& server) { misbehave(server, Fault::trickle(Milliseconds(2))); }
    void garbage(MetadataServer& server) { misbehave(server, Fault::garbage()); }
    void truncate(MetadataServer& server) { misbehave(server, Fault::closeHalfWay()); }
    void error500(MetadataServer& server) { misbehave(server, Fault::answer(500, "out of order\n")); }
    void notFound(MetadataServer& server) { misbehave(server, Fault::notFound()); }
    void html(MetadataServer& server) { misbehave(server, Fault::html()); }
    void closeAlways(MetadataServer& server) { misbehave(server, Fault::closeAfterAnswer()); }
    void storm(MetadataServer& server);
    void misbehave(MetadataServer& server, const Fault& fault);

    /// Lets time pass and looks whether all is right.
    void pass(Milliseconds time);
    void step();
    void inspect();
    /// Until the command runs where it is expected and nowhere else, and is another one than `notThis`.
    void agree(pid_t notThis = 0);
    /// The same command goes on all the time.
    void steady(Milliseconds time);
    std::vector<Footprint> awaitDrained();
    void expectNoOrphans(int member);

    Milliseconds between(int least, int most);
    bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
    void note(const std::string& what);

    Fleet& fleet_;
    std::mt19937_64 random_;
    const std::atomic<bool>& interrupted_;
    Load load_;
    bool loaded_ = false;
    Tally tally_;
    std::string story_;
    std::set<int> ending_;
    std::map<int, pid_t> seen_;
    bool faulty_ = false;
    const Clock::time_point begin_ = Clock::now();
    std::optional<Clock::time_point> overlapSince_;
    Clock::time_point lastLook_ = Clock::now();
    int turn_ = 0;
};

}  // namespace leader::test
