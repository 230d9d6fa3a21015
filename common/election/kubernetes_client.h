#pragma once

#include <optional>
#include <string>

#include "common/election/kubernetes_lease.h"
#include "common/election/kubernetes_target.h"
#include "common/metadata/http_stream.h"

namespace leader {

/// What a watch says at once.
struct LeaseNews {
    enum class Kind {
        kChanged,   ///< it is there, and is like this
        kDeleted,   ///< it is there no more
        kBookmark,  ///< nothing happened up to this resourceVersion
        kGone,      ///< the server has forgotten what happened since (410): to be watched from now on
        kEnded,     ///< the watch's time is over: to be opened again
    };
    Kind kind;
    std::optional<KubernetesLease> lease{};
    std::string resourceVersion{};
};

/// One Lease of the API server, by requests over one connection and a watch over another one. The token is
/// read again for each request, as it is rotated. One thread, ended by the Interrupt.
class KubernetesClient {
  public:
    /// `attempt` is how long a request may take; `interrupt` must outlive the client.
    KubernetesClient(KubernetesTarget target, Duration attempt, const Interrupt& interrupt);

    /// All waits of the calls that follow end here at the latest.
    void setDeadline(Instant deadline) { deadline_ = deadline; }
    /// Requests that follow are ended by this one instead; it must outlive the client, too.
    void setInterrupt(const Interrupt& interrupt) { client_.setInterrupt(interrupt); }

    /// Nothing: there is no such Lease.
    Result<std::optional<KubernetesLease>> get();
    /// As the server has it now; nothing: somebody else was first.
    Result<std::optional<KubernetesLease>> create(const LeaseRecord& record, const LeaseMember& member);
    Result<std::optional<KubernetesLease>> update(const KubernetesLease& lease, const LeaseRecord& record,
                                                  const std::optional<LeaseMember>& member);
    /// Empty: there is no such pod, or it has no address yet.
    Result<std::string> addressOfPod(const std::string& pod);

    /// Before the last request was sent.
    Instant askedAt() const { return askedAt_; }
    /// Until then the server has asked not to be asked (429 or 5xx with Retry-After).
    Instant notBefore() const { return notBefore_; }
    /// This host's address on the connection for requests; empty while there is none.
    std::string localAddress() const { return client_.localAddress(); }

    /// Opens a watch of what happens after `resourceVersion`; where that is empty, of what is there and then
    /// happens.
    std::optional<Error> watch(const std::string& resourceVersion);
    bool watching() const { return watch_.isOpen(); }
    void closeWatch() { watch_.close(); }
    /// The next news, or nothing at `until`; an error ends the watch.
    Result<std::optional<LeaseNews>> news(Instant until);

  private:
    struct Verb {
        const char* method;
        /// What a Role has to allow.
        const char* name;
    };

    Result<metadata::HttpResponse> ask(const Verb& verb, const std::string& path, const std::string& body);
    Result<metadata::HttpRequest> request(const std::string& method, const std::string& path);
    Result<std::string> token();
    Error refusal(const Verb& verb, const std::string& path, const metadata::HttpResponse& response);
    Result<LeaseNews> parseNews(const std::string& line) const;
    std::string leases() const;
    std::string where(const std::string& path) const { return target_.origin.url() + path; }

    KubernetesTarget target_;
    Duration attempt_;
    Instant deadline_ = Instant::max();
    metadata::HttpClient client_;
    metadata::HttpStream watch_;
    Instant askedAt_;
    Instant notBefore_;
    std::string lastToken_;
    bool tokenMissing_ = false;
};

}  // namespace leader
