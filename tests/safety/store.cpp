#include "tests/safety/store.h"

#include <csignal>

#include "tests/support/etcd_server.h"
#include "tests/support/eventually.h"
#include "tests/support/kubernetes_server.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr int kEtcdMembers = 3;

class EtcdStore : public Store {
  public:
    std::vector<std::uint16_t> ports() const override {
        std::vector<std::uint16_t> all;
        all.reserve(kEtcdMembers);
        for (int i = 0; i < kEtcdMembers; ++i) all.push_back(etcd_.port(i));
        return all;
    }
    std::vector<std::string> optionsFor(const std::vector<std::uint16_t>& relayed) const override {
        std::string endpoints;
        for (const auto port : relayed)
            endpoints += (endpoints.empty() ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(port);
        return {"--engine", "etcd://" + endpoints + "/safety"};
    }
    void kill(std::size_t endpoint) override { etcd_.signal(static_cast<int>(endpoint), SIGKILL); }
    void start(std::size_t endpoint) override { etcd_.start(static_cast<int>(endpoint)); }
    bool awaitHealthy() const override { return etcd_.awaitHealthy(); }
    // The first key is the leader's, unless that has lost it this very moment.
    void revoke() override {
        const auto keys = etcd_.keys("safety/");
        if (!keys.empty()) etcd_.ctl({"lease", "revoke", keys[0].substr(std::string("safety/").size())});
    }

  private:
    EtcdServer etcd_{EtcdServer::Options{.members = kEtcdMembers}};
};

class KubernetesStore : public Store {
  public:
    std::vector<std::uint16_t> ports() const override { return {server_.port()}; }
    std::vector<std::string> optionsFor(const std::vector<std::uint16_t>& relayed) const override {
        return {"--engine",     "kubernetes://127.0.0.1:" + std::to_string(relayed.at(0)) + "/default/safety",
                "--ca-file",    server_.caFile(),
                "--token-file", server_.tokenFile("admin")};
    }
    void kill(std::size_t /*theOnlyOne*/) override { server_.stop(); }
    void start(std::size_t /*theOnlyOne*/) override { server_.launch(); }
    bool awaitHealthy() const override {
        return eventually([&] { return server_.ready(); }, 60s);
    }
    // Not by deleting it, which takes the terms away, too.
    void revoke() override {
        server_.kubectl(
            {"patch", "lease", "safety", "--type=merge", "-p", R"({"spec":{"holderIdentity":""}})"});
    }

  private:
    KubernetesServer server_;
};

}  // namespace

std::unique_ptr<Store> makeEtcdStore() {
    return std::make_unique<EtcdStore>();
}

std::unique_ptr<Store> makeKubernetesStore() {
    return std::make_unique<KubernetesStore>();
}

}  // namespace leader::test
