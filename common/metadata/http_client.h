#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/interrupt.h"
#include "common/base/result.h"

namespace leader::metadata {

struct HttpResponse {
    int status = 0;
    std::string body;
};

class HttpSession;

/// GET over one kept-alive connection, which is opened when it is first needed. One thread; an Interrupt from
/// another one ends the request under way, except while a name is looked up or a connection is made, which
/// takes at most kConnectTimeout for each address.
class HttpClient {
  public:
    static constexpr std::size_t kMaxBody = std::size_t{64} * 1024 * 1024;
    static constexpr Duration kConnectTimeout = std::chrono::seconds(3);

    /// `host` is a name or an address; all addresses of a name are tried, and `fallback`, if not empty, where
    /// the name does not resolve. `interrupt` must outlive the client.
    HttpClient(const std::string& host, int port, const std::string& fallback, const Interrupt& interrupt);
    ~HttpClient();

    /// Any HTTP status is an answer; an error is what prevented one, or a body over kMaxBody, or one that is
    /// not there as a whole at `deadline`. A connection that the server closed since the last request is
    /// replaced silently, once.
    Result<HttpResponse> get(const std::string& path, const std::string& accept, Instant deadline);

  private:
    HttpResponse request(const std::string& path, const std::string& accept, Instant deadline);

    std::string url_;
    std::unique_ptr<HttpSession> session_;
};

}  // namespace leader::metadata
