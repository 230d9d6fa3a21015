#include "common/metadata/http_client.h"

#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>

#include "common/metadata/http_session.h"

namespace leader::metadata {

std::string HttpOrigin::url() const {
    return (tls ? "https://" : "http://") + (host.find(':') == std::string::npos ? host : "[" + host + "]") +
           (port == (tls ? 443 : 80) ? "" : ":" + std::to_string(port));
}

HttpClient::HttpClient(const HttpOrigin& origin, const Interrupt& interrupt)
    : session_(std::make_unique<HttpSession>(origin, interrupt)) {
}

HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::get(const std::string& path, const std::string& accept, Instant deadline) {
    HttpRequest request;
    request.path = path;
    if (!accept.empty()) request.headers.set("Accept", accept);
    return this->request(request, deadline);
}

Result<HttpResponse> HttpClient::request(const HttpRequest& request, Instant deadline) {
    session_->dropIfClosed();
    const std::string where = session_->origin().url() + request.path;
    for (bool reused = session_->connected();; reused = false) {
        try {
            return exchange(request, deadline);
        } catch (const Poco::Net::NoMessageException& e) {
            session_->reset();
            if (!reused) return Error{where + ": " + reasonOf(e)};
        } catch (const Poco::Net::ConnectionResetException& e) {
            session_->reset();
            if (!reused) return Error{where + ": " + reasonOf(e)};
        } catch (const Poco::Exception& e) {
            session_->reset();
            return Error{where + ": " + reasonOf(e)};
        }
    }
}

HttpResponse HttpClient::exchange(const HttpRequest& request, Instant deadline) {
    Poco::Net::HTTPResponse response;
    std::istream& in = session_->exchange(request, response, deadline);
    HttpResponse answer = headOf(response);
    answer.body = readBody(in, response);
    // Poco reads no more of a trailer than its first line.
    if (!response.getKeepAlive() || response.has("Trailer")) session_->reset();
    return answer;
}

void HttpClient::setInterrupt(const Interrupt& interrupt) {
    session_->setInterrupt(interrupt);
}

std::string HttpClient::localAddress() const {
    return session_->connected() ? session_->socket().address().host().toString() : "";
}

}  // namespace leader::metadata
