#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "tests/soak/fleet.h"

namespace leader::test {

/// What the clients had so far.
struct Traffic {
    long requests = 0;
    /// Connections and answers that failed, as they must when a leader is gone.
    long failed = 0;
    long long bytes = 0;
    /// By iperf3, that did not come to their end.
    long transfersCut = 0;
    long transfers = 0;
};

/// wrk and iperf3 as clients of the proxy and of the members that live, one run after another. One thread,
/// that has to call tick() often.
class Load {
  public:
    explicit Load(const Fleet& fleet);

    /// Takes the results of those that ended and starts them again.
    void tick();
    /// Ends all runs.
    void stop();

    const Traffic& traffic() const { return traffic_; }
    std::vector<pid_t> pids() const;

  private:
    using Clock = std::chrono::steady_clock;
    struct Client {
        std::function<std::vector<std::string>()> command;
        void (Load::*take)(const std::string& output);
        std::unique_ptr<Process> process{};
        Clock::time_point started{};
    };

    void addWrk(std::size_t process, int connections, bool fresh);
    void addIperf3();
    void collect(Client& client);
    void takeWrk(const std::string& output);
    void takeIperf3(const std::string& output);

    const Fleet& fleet_;
    TemporaryDirectory folder_;
    std::list<Client> clients_;
    Traffic traffic_;
    unsigned transfer_ = 0;
};

}  // namespace leader::test
