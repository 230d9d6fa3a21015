#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/metadata/http_stream.h"
#include "common/metadata/json.h"

namespace leader {

/// The JSON gateway of an etcd cluster (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway): requests over
/// one connection, a watch over another one, both to the same endpoint for as long as that answers, and then
/// to the next. One thread, ended by the Interrupt.
class EtcdGateway {
  public:
    using Object = metadata::json::Object;

    /// `attempt` is how long one endpoint may take for an answer; `interrupt` must outlive the gateway.
    EtcdGateway(std::vector<metadata::HttpOrigin> endpoints, Duration attempt, const Interrupt& interrupt);

    /// All waits of the calls that follow end here at the latest.
    void setDeadline(Instant deadline) { deadline_ = deadline; }
    /// Goes on with requests as if made with these. The watch is over; its connection ends with this object.
    void resume(Duration attempt, const Interrupt& interrupt);

    /// Who asks, where etcd wants to know; the password is read from its file each time a token is needed.
    void identify(const std::string& user, const std::string& passwordFile) {
        user_ = user;
        passwordFile_ = passwordFile;
    }

    /// Asks one endpoint after the other, from the one in use, until one gives a proper answer of the cluster
    /// that is known; each once.
    Result<Object> call(const std::string& path, const std::string& body);
    /// When the request that was answered last had not been sent yet.
    Instant askedAt() const { return askedAt_; }

    /// Asks the endpoint in use for an answer without an end; the next one is in use where it fails. A peer
    /// that is silent for `silence`, in which it answers no probe of TCP either, ends the watch.
    std::optional<Error> openWatch(const std::string& body, Duration silence);
    /// Whether there is a watch, and over the endpoint in use.
    bool watching() const { return watch_ && watch_->isOpen() && watchedEndpoint_ == current_; }
    /// What the watch says next, or nothing at `until`; an error ends it and puts the next endpoint in use.
    Result<std::optional<Object>> nextOfWatch(Instant until);
    void closeWatch() { watch_.reset(); }
    /// Closes it and puts the next endpoint in use.
    void dismissWatch();

    /// A cluster's id is learnt from its first answer; what answers under another one is in error.
    void forgetCluster() { cluster_.clear(); }
    /// The last call was refused an answer by at least one endpoint of another cluster.
    bool metOtherCluster() const { return metOtherCluster_; }

    /// Of the endpoint in use.
    std::string url() const { return endpoint().url(); }
    std::size_t size() const { return endpoints_.size(); }
    /// This host's address on the connection for requests; empty while there is none.
    std::string localAddress() const { return client_ ? client_->localAddress() : ""; }

  private:
    Result<Object> ask(const std::string& path, const std::string& body);
    Result<metadata::HttpResponse> send(const std::string& path, const std::string& body);
    std::optional<Error> authenticate();
    metadata::HttpRequest post(const std::string& path, const std::string& body) const;
    /// The answer's object if it comes from the cluster that is known.
    Result<Object> fromCluster(const Object& answer);
    const metadata::HttpOrigin& endpoint() const { return endpoints_[current_]; }
    Instant attemptEnd() const;
    void useNext();

    std::vector<metadata::HttpOrigin> endpoints_;
    Duration attempt_;
    const Interrupt* interrupt_;
    Instant deadline_ = Instant::max();
    std::size_t current_ = 0;
    std::optional<metadata::HttpClient> client_;
    std::optional<metadata::HttpStream> watch_;
    std::size_t watchedEndpoint_ = 0;
    Instant askedAt_;
    std::string cluster_;
    std::string user_;
    std::string passwordFile_;
    /// Of the last authentication; all members of a cluster know it, until it expires or they restart.
    std::string token_;
    bool metOtherCluster_ = false;
};

}  // namespace leader
