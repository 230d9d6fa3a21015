#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "tests/support/certificates.h"
#include "tests/support/etcd_server.h"
#include "tests/support/process.h"

namespace leader::test {

/// A real kube-apiserver, as scripts/kube-apiserver builds it, over an etcd of its own, on free loopback
/// ports: TLS, RBAC, tokens and client certificates. Ask unavailable() first. One thread.
class KubernetesServer {
  public:
    /// Why there is none here, or nothing.
    static std::optional<std::string> unavailable();

    KubernetesServer();
    ~KubernetesServer();
    KubernetesServer(const KubernetesServer&) = delete;
    KubernetesServer& operator=(const KubernetesServer&) = delete;

    std::uint16_t port() const { return port_; }
    /// "kubernetes://127.0.0.1:PORT/NAMESPACE/NAME"
    std::string url(const std::string& namespaceName, const std::string& name) const;
    const std::string& caFile() const { return authority_.file(); }
    CertificateAuthority& authority() { return authority_; }
    /// A file with the token of a user of this name, which may be system:serviceaccount:NAMESPACE:NAME;
    /// "admin" may do anything. All users have to be named before the server first starts: kUsers.
    std::string tokenFile(const std::string& user) const;
    static const std::vector<std::string> kUsers;

    /// kubectl as admin, to its end: what it printed. Throws where it fails.
    std::string kubectl(const std::vector<std::string>& words) const;
    /// The same where it may fail.
    std::vector<std::string> kubectlCommand(const std::vector<std::string>& words) const;
    /// `kubectl apply -f FILE` of this text, with more words.
    std::string apply(const std::string& manifest, const std::vector<std::string>& words = {}) const;
    /// A field of a lease by its JSON path (".spec.holderIdentity"); empty where there is none.
    std::string ofLease(const std::string& namespaceName, const std::string& name,
                        const std::string& field) const;

    /// Merges into the status of an object in the namespace default.
    void patchStatus(const std::string& resource, const std::string& name, const std::string& patch) const;

    /// client-go's example of leader election as admin.
    Process::Options peer(const std::string& namespaceName, const std::string& name,
                          const std::string& id) const;

    /// The API server's process; etcd goes on.
    void stop();
    void start();
    /// Does not wait until it is ready, as start() does.
    void launch();
    bool ready() const;
    void signal(int number) const { process_->signal(number); }

  private:
    std::string file(const std::string& name) const { return folder_ / name; }

    CertificateAuthority authority_;
    EtcdServer etcd_;
    std::filesystem::path folder_;
    std::uint16_t port_ = 0;
    UniqueFd reserved_;
    std::map<std::string, std::string> tokens_;
    std::unique_ptr<Process> process_;
};

}  // namespace leader::test
