#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/harness.h"
#include "tests/soak/footprint.h"

namespace leader::test {

/// Five members of a service on loopback addresses and a proxy beside them, each with a metadata server of
/// its own, as hosts have in Rancher. The first kLiving members and the proxy are never ended: what they hold
/// can be compared. One thread.
class Fleet {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr int kMembers = 5;
    static constexpr int kLiving = 2;
    /// The index of the proxy's metadata server, after those of the members.
    static constexpr std::size_t kProxy = kMembers;

    Fleet();
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    std::vector<std::unique_ptr<MetadataServer>>& servers() { return servers_; }
    Process& process(int member) { return *at(member).process; }
    static std::string nameOf(int member) { return "web-app-" + std::to_string(member + 1); }
    static bool lives(int member) { return member < kLiving; }

    /// What the metadata say of a member; told to the servers by publish().
    void makeLast(int member) { at(member).index = ++lastIndex_; }
    void setState(int member, const std::string& state) { at(member).state = state; }
    bool stopped(int member) const { return at(member).state == "stopped"; }
    void publish();
    /// As they are published.
    Answers answers() const;

    void start(int member);
    /// As a container is killed: all of it at once.
    void kill(int member);
    /// Whether the member's leader process is there.
    bool running(int member) { return at(member).process && process(member).running(); }
    bool proxyRunning() const { return proxy_->running(); }
    /// Processes that a member has left behind, by name; they are ended.
    std::vector<std::string> endOrphans(const std::vector<pid_t>& notThese);

    /// Whom all members should agree on.
    int expected() const;
    /// When the member was last the one.
    std::optional<Clock::time_point> lastExpected(int member) const;
    /// The members whose command, or a child of it, is alive.
    std::set<int> commands() const;
    /// The process of the member's command.
    pid_t commandOf(int member) const;
    /// What the commands found to be wrong.
    std::string violations() const;

    /// Of the members and the proxy, in this order; those that are not there are left out.
    std::vector<Footprint> footprints();
    /// The number of a metric that the process serves; the proxy is number kProxy.
    std::optional<double> metric(std::size_t process, const std::string& name) const;

    /// Where the clients go: to the proxy, or to a member that lives.
    std::string address(std::size_t process) const;
    std::uint16_t httpPort() const { return httpPort_; }
    std::uint16_t bulkPort() const { return bulkPort_; }
    std::string logs();

  private:
    struct Member {
        long index = 0;
        std::string state = "running";
        std::unique_ptr<Process> process;
        std::string earlierLog;
    };
    Member& at(int member) { return members_.at(static_cast<std::size_t>(member)); }
    const Member& at(int member) const { return members_.at(static_cast<std::size_t>(member)); }
    void startServers();
    void startProxy();

    TemporaryDirectory folder_;
    std::uint16_t httpPort_ = 0;
    std::uint16_t bulkPort_ = 0;
    std::uint16_t statusPort_ = 0;
    std::vector<std::unique_ptr<MetadataServer>> servers_;
    std::vector<Member> members_;
    std::unique_ptr<Process> proxy_;
    long lastIndex_ = 0;
    int expected_ = 0;
    std::map<int, Clock::time_point> lastExpected_;
};

}  // namespace leader::test
