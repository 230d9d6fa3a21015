#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/harness.h"
#include "tests/safety/relay.h"
#include "tests/safety/store.h"

namespace leader::test {

/// What the witness of the leader has noted.
struct Witness {
    long long term = 0;
    std::string name;
    pid_t pid = 0;
};

/// The members of one election with the witness as their command, each behind a relay of its own.
class Crew {
  public:
    struct Options {
        std::string binary;
        int members = 5;
        std::chrono::milliseconds ttl{3000};
        std::unique_ptr<Store> (*makeStore)() = makeEtcdStore;
    };

    explicit Crew(const Options& options);
    /// Ends all that the members started, also what a broken build leaves behind.
    ~Crew();
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    int size() const { return static_cast<int>(members_.size()); }
    Store& store() { return *store_; }
    Relay& relay(int member) { return *at(member).relay; }
    Process& process(int member) { return *at(member).process; }
    void start(int member);
    bool running(int member) { return at(member).process && process(member).running(); }

    /// The last witness that found nothing wrong, if it still lives.
    std::optional<Witness> witness() const;
    /// The member that it is of.
    std::optional<int> leader() const;
    /// The lines that the witnesses have written of what must not be.
    std::string violations() const;
    /// How many witnesses there were.
    int leaderships() const;
    /// The last lines that each member has logged.
    std::string logs();

  private:
    struct Member {
        std::unique_ptr<Relay> relay;
        std::unique_ptr<Process> process;
        std::string earlierLog;
    };
    Member& at(int member) { return members_.at(static_cast<std::size_t>(member)); }

    Options options_;
    TemporaryDirectory folder_;
    std::unique_ptr<Store> store_;
    std::vector<Member> members_;
};

}  // namespace leader::test
