#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "tests/support/process.h"

namespace leader::test {

/// A real etcd cluster (Debian's etcd-server) of one member or more, on free loopback ports, with a data
/// folder of its own that goes with the object; it has nothing to do with the service that the package
/// installs. One thread. Use:
///
///     EtcdServer etcd({.members = 3});              // started and healthy, or it throws
///     Process member(run(etcd.url("db"), {"--ttl", "6s", "--grace-period", "1s"}));
///     etcd.signal(0, SIGKILL);                      // or SIGSTOP and SIGCONT
///     etcd.start(0);                                // again, on the same data and ports
///     etcd.ctl({"lease", "revoke", "694d7f"});      // etcdctl to its end, Process{etcd.ctlCommand(…)} for
///     long ones
class EtcdServer {
  public:
    struct Options {
        int members = 1;
        /// Between a lost etcd leader and the search for another one; no lease is shorter than 1.5 of it.
        std::chrono::milliseconds electionTimeout{500};
    };

    EtcdServer() : EtcdServer(Options()) {}
    explicit EtcdServer(Options options);
    ~EtcdServer();
    EtcdServer(const EtcdServer&) = delete;
    EtcdServer& operator=(const EtcdServer&) = delete;

    /// "etcd://127.0.0.1:PORT,127.0.0.1:PORT/NAME", `name` percent-encoded by the caller.
    std::string url(const std::string& name) const;
    /// "127.0.0.1:PORT,127.0.0.1:PORT", of all members or of one.
    std::string endpoints() const;
    std::string endpoint(int member) const;
    std::uint16_t port(int member) const { return members_.at(static_cast<std::size_t>(member)).clientPort; }
    /// Of the member's process.
    pid_t pid(int member) const { return members_.at(static_cast<std::size_t>(member)).process->pid(); }

    /// Starts a member that does not run, and does not wait for it.
    void start(int member);
    /// KILL and TERM wait for its end.
    void signal(int member, int number);
    /// Whether a member serves requests that need a quorum.
    bool healthy(int member) const;
    bool awaitHealthy(std::chrono::milliseconds base = std::chrono::seconds(30)) const;
    /// Forgets all data, as if the cluster had been made anew; all members have to be stopped.
    void wipe();

    /// etcdctl with these words against all endpoints.
    std::vector<std::string> ctlCommand(const std::vector<std::string>& words) const;
    /// The same to its end: what it printed. Throws where it fails.
    std::string ctl(const std::vector<std::string>& words) const;
    /// The keys under a prefix, in the order of their creation.
    std::vector<std::string> keys(const std::string& prefix) const;

    /// The value of one of etcd's metrics, all label sets that contain `label` added up.
    double metric(int member, const std::string& name, const std::string& label = "") const;

  private:
    struct Member {
        std::string name;
        std::uint16_t clientPort = 0;
        std::uint16_t peerPort = 0;
        /// Bound and not listening, so that nobody else gets the port while etcd is down.
        UniqueFd reservedForClients;
        UniqueFd reservedForPeers;
        std::unique_ptr<Process> process;
    };

    std::string get(int member, const std::string& path) const;

    Options options_;
    std::filesystem::path folder_;
    std::string cluster_;
    std::vector<Member> members_;
};

}  // namespace leader::test
