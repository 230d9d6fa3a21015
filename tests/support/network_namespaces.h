#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"

namespace leader::test {

/// Runs `what` on a thread of its own inside the network namespace (a descriptor of /proc/PID/ns/net); in
/// the caller's where it is -1. Sockets stay in the namespace they were made in. Rethrows.
void insideNamespace(int networkNamespace, const std::function<void()>& what);

/// A little network: a hub with a bridge, and members that are each alone in a network namespace with an
/// address and a hosts file. The hub is 169.254.169.250 as well; there is no name server. The namespaces have
/// no names and no interface in the host's own, so nothing can be left behind. Needs root; ask unavailable()
/// first.
class NetworkNamespaces {
  public:
    struct Member {
        UniqueFd networkNamespace;
        std::string address;
        /// To be mounted over /etc/hosts: it names the hub `rancher-metadata`.
        std::string hostsFile;
    };

    /// Why there can be no namespaces here, or nothing.
    static std::optional<std::string> unavailable();

    explicit NetworkNamespaces(int members);
    ~NetworkNamespaces();
    NetworkNamespaces(const NetworkNamespaces&) = delete;
    NetworkNamespaces& operator=(const NetworkNamespaces&) = delete;

    int hub() const { return hub_.get(); }
    const std::string& hubAddress() const { return hubAddress_; }
    const Member& member(std::size_t index) const { return members_.at(index); }

    /// Takes a member's cable out, or puts it back.
    void setLink(std::size_t index, bool up) const;

  private:
    void addMember(int number);

    UniqueFd hub_;
    std::string hubAddress_ = "10.79.0.1";
    std::string linkLocal_ = "169.254.169.250";
    std::vector<Member> members_;
    std::filesystem::path directory_;
};

}  // namespace leader::test
