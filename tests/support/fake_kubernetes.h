#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/tls_front.h"

namespace leader::test {

/// An API server with one Lease, "default/db", that can be made to fail in ways that a real one cannot. Any
/// thread.
class FakeKubernetes {
  public:
    using Request = ScriptedHttpServer::Request;
    using Peer = ScriptedHttpServer::Peer;
    /// Answers instead of the server where it returns true.
    using Fault = std::function<bool(const Request&, Peer&)>;

    FakeKubernetes();

    std::string url() const {
        return "kubernetes://127.0.0.1:" + std::to_string(front_.port()) + "/default/db";
    }
    const std::string& caFile() const { return authority_.file(); }
    const std::string& tokenFile() const { return tokenFile_; }

    void setFault(Fault fault);
    /// Somebody else writes the lease: its "spec" and "annotations" as JSON.
    void put(const std::string& spec, const std::string& annotations = "{}");
    void remove();
    /// The whole object; empty where there is none.
    std::string lease() const;
    /// What all watches are told next, as a line.
    void tell(const std::string& line);
    /// Ends all watches in good order.
    void endWatches();
    /// All watches after this ask for what is no more known.
    void compact();

    /// How many requests began like this: "GET /apis/…/leases/db", "PUT", "WATCH".
    int count(const std::string& what) const;
    std::vector<Request> requests() const { return server_.requests(); }
    int watching() const;

    /// A Status object, as the real server answers errors.
    static void refuse(Peer& peer, int code, const std::string& message, const std::string& headers = "");
    static bool isWatch(const Request& request) {
        return request.path.find("watch=true") != std::string::npos;
    }

  private:
    void handle(const Request& request, Peer& peer);
    void write(const Request& request, Peer& peer);
    void watch(const Request& request, Peer& peer);
    void store(const std::string& spec, const std::string& annotations);

    struct Event {
        int version;
        std::string line;
    };

    CertificateAuthority authority_;
    std::string tokenFile_;
    mutable std::mutex mutex_;
    Fault fault_;
    int version_ = 100;
    int compacted_ = 0;
    int ends_ = 0;
    int watching_ = 0;
    std::optional<std::string> lease_;
    int leaseVersion_ = 0;
    std::vector<Event> events_;
    ScriptedHttpServer server_;
    TlsFront front_;
};

}  // namespace leader::test
