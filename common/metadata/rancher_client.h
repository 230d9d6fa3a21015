#pragma once

#include <optional>
#include <string>

#include "common/metadata/http_client.h"
#include "common/metadata/service_snapshot.h"

namespace leader::metadata {

/// Where a metadata server is, from `http[s]://HOST[:PORT]/[VERSION]`.
struct RancherUrl {
    std::string host;
    int port = 80;
    /// Empty: the newest that the server knows.
    std::string version;
    /// With https; the files are the caller's to name.
    std::optional<TlsFiles> tls{};
};
Result<RancherUrl> parseRancherUrl(const std::string& url);

/// A Rancher Metadata server. One thread, but for the Interrupt.
class RancherClient : public DocumentSource {
  public:
    /// How long a server may take for an answer that is not a long poll.
    static constexpr Duration kAnswerTimeout = std::chrono::seconds(10);

    RancherClient(const RancherUrl& url, const Interrupt& interrupt);

    /// All waits of the calls that follow end here at the latest.
    void setDeadline(Instant deadline) { deadline_ = deadline; }

    /// A service as it stands in one version of the metadata. `revision` is the version known so far or
    /// empty, and becomes the one that the service was read from, where reading it took several requests.
    Result<ServiceSnapshot> service(const ServiceQuery& query, std::string& revision);

    /// The server's version token: random, only good for comparing.
    Result<std::string> version();
    /// The same, as soon as it is not `known`, or after `longest` (1 s to 120 s; the server may take 5 s
    /// more).
    Result<std::string> awaitVersion(const std::string& known, std::chrono::seconds longest);

    Result<Self> self() override;
    Result<std::vector<Container>> containers() override;
    std::string name() const override;

  private:
    Result<HttpResponse> askSelf();
    std::optional<Error> beginVersion();
    Result<HttpResponse> get(const std::string& path, bool json, Instant deadline);
    Result<std::string> versionAt(const std::string& query, Duration longest);
    Instant within(Duration longest) const;

    RancherUrl url_;
    std::string version_;
    HttpClient http_;
    Instant deadline_ = Instant::max();
    /// Of the service() under way: the version before it, and whether it took the list of all containers.
    std::string revision_;
    bool readContainers_ = false;
    /// Who asks, as answered while no version was known.
    std::optional<HttpResponse> selfBefore_;
};

}  // namespace leader::metadata
