#pragma once

#include <Poco/Net/NameValueCollection.h>

#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/interrupt.h"
#include "common/base/result.h"
#include "common/metadata/tls_files.h"

namespace leader::metadata {

/// By name, without regard to case.
using HttpHeaders = Poco::Net::NameValueCollection;

/// Where a server is.
struct HttpOrigin {
    /// A name or an address; all addresses of a name are tried.
    std::string host;
    int port = 80;
    /// The address where the name does not resolve; may be empty.
    std::string fallback{};
    /// With these files; nothing: without TLS.
    std::optional<TlsFiles> tls{};

    /// "http://HOST[:PORT]", "https://…" with TLS
    std::string url() const;
};

struct HttpRequest {
    std::string method = "GET";
    /// With the query, escaped.
    std::string path = "/";
    HttpHeaders headers{};
    std::string body{};
};

struct HttpResponse {
    int status = 0;
    HttpHeaders headers{};
    std::string body{};
};

class HttpSession;

/// Requests over one kept-alive connection, which is opened when it is first needed. One thread; an Interrupt
/// from another one ends the request under way, except while a connection is made, which takes at most
/// kConnectTimeout for each address.
class HttpClient {
  public:
    static constexpr std::size_t kMaxBody = std::size_t{64} * 1024 * 1024;
    static constexpr Duration kConnectTimeout = std::chrono::seconds(3);

    /// `interrupt` must outlive the client.
    HttpClient(const HttpOrigin& origin, const Interrupt& interrupt);
    HttpClient(HttpClient&&) noexcept;
    ~HttpClient();

    /// Any HTTP status is an answer; an error is what prevented one, or a body over kMaxBody, or one that is
    /// not there as a whole at `deadline`. A kept-alive connection that turns out to be closed is replaced
    /// silently, once: the server may then have carried out a request twice.
    Result<HttpResponse> request(const HttpRequest& request, Instant deadline);
    Result<HttpResponse> get(const std::string& path, const std::string& accept, Instant deadline);

    /// Requests that follow are ended by this one instead; it must outlive the client, too.
    void setInterrupt(const Interrupt& interrupt);

    /// This host's address on the connection; empty while there is none.
    std::string localAddress() const;

  private:
    HttpResponse exchange(const HttpRequest& request, Instant deadline);

    std::unique_ptr<HttpSession> session_;
};

}  // namespace leader::metadata
