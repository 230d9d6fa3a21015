#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace leader::test {

/// What the members of a crew elect by, and what can happen to it. One thread.
class Store {
  public:
    virtual ~Store() = default;

    /// Of its endpoints, in the order in which the relays take them.
    virtual std::vector<std::uint16_t> ports() const = 0;
    /// The options of a member that reaches the endpoints by these ports.
    virtual std::vector<std::string> optionsFor(const std::vector<std::uint16_t>& relayed) const = 0;

    virtual void kill(std::size_t endpoint) = 0;
    /// Does not wait for it.
    virtual void start(std::size_t endpoint) = 0;
    virtual bool awaitHealthy() const = 0;
    /// Takes the leader's lease away. Throws where the store does not do it.
    virtual void revoke() = 0;
};

/// An etcd of three members.
std::unique_ptr<Store> makeEtcdStore();
/// A Lease of a kube-apiserver; see KubernetesServer::unavailable().
std::unique_ptr<Store> makeKubernetesStore();

}  // namespace leader::test
