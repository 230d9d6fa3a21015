#include "common/metadata/http_client.h"

#include <Poco/Net/DNS.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>

#include <algorithm>
#include <array>
#include <vector>

namespace leader::metadata {

namespace {

/// Poco's timeouts are a read each, and a server that trickles never runs into one; this holds all reads of
/// one answer to one deadline.
class InterruptibleSocketImpl : public Poco::Net::StreamSocketImpl {
  public:
    explicit InterruptibleSocketImpl(const Interrupt& interrupt) : interrupt_(interrupt) {}

    void setDeadline(Instant deadline) { deadline_ = deadline; }

    int receiveBytes(void* buffer, int length, int flags) override {
        if (!waitReadable(sockfd(), interrupt_, deadline_ - Clock::system().now()))
            throw Poco::TimeoutException();
        return StreamSocketImpl::receiveBytes(buffer, length, flags);
    }

  private:
    const Interrupt& interrupt_;
    Instant deadline_;
};

struct OwnedSocket : Poco::Net::StreamSocket {
    explicit OwnedSocket(InterruptibleSocketImpl* implementation) : StreamSocket(implementation) {}
};

}  // namespace

/// Poco's session with the interruptible socket; it tries all addresses of a name, where Poco takes the
/// first.
class HttpSession : public Poco::Net::HTTPClientSession {
  public:
    HttpSession(InterruptibleSocketImpl* socket, const std::string& host, int port, std::string fallback)
        : HTTPClientSession(OwnedSocket(socket)),
          socket_(socket),
          name_(host),
          port_(static_cast<Poco::UInt16>(port)),
          fallback_(std::move(fallback)) {
        // The base class would look its host up itself and hand connect() the first address only.
        setHost("0.0.0.0");
        setKeepAlive(true);
        setKeepAliveTimeout(Poco::Timespan(kKeepAliveSeconds, 0));
    }

    void setDeadline(Instant deadline) { socket_->setDeadline(deadline); }

    void send(Poco::Net::HTTPRequest& request) {
        request.setHost(name_, port_);
        sendRequest(request);
    }

  protected:
    void connect(const Poco::Net::SocketAddress& /*ofTheBaseClass*/) override {
        const auto addresses = resolve();
        for (std::size_t i = 0;; ++i) {
            try {
                return HTTPClientSession::connect(Poco::Net::SocketAddress(addresses[i], port_));
            } catch (const Poco::Exception&) {
                close();
                if (i + 1 == addresses.size()) throw;
            }
        }
    }

  private:
    // Longer than any server keeps an idle connection: whether it is still there shows when it is used.
    static constexpr long kKeepAliveSeconds = 3600;

    std::vector<Poco::Net::IPAddress> resolve() const {
        Poco::Net::IPAddress address;
        if (Poco::Net::IPAddress::tryParse(name_, address)) return {address};
        try {
            auto addresses = Poco::Net::DNS::resolve(name_).addresses();
            if (!addresses.empty()) return addresses;
        } catch (const Poco::Net::DNSException&) {
            if (fallback_.empty()) throw;
        }
        if (fallback_.empty()) throw Poco::Net::HostNotFoundException(name_);
        return {Poco::Net::IPAddress(fallback_)};
    }

    InterruptibleSocketImpl* socket_;
    std::string name_;
    Poco::UInt16 port_;
    std::string fallback_;
};

namespace {

using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;

constexpr std::size_t kChunk = 16384;

std::string reasonOf(const Poco::Exception& e) {
    if (dynamic_cast<const Poco::TimeoutException*>(&e) != nullptr) return "no answer in time";
    if (dynamic_cast<const Poco::Net::ConnectionRefusedException*>(&e) != nullptr)
        return "connection refused";
    if (dynamic_cast<const Poco::Net::HostNotFoundException*>(&e) != nullptr) return "host name not found";
    if (dynamic_cast<const Poco::Net::NoMessageException*>(&e) != nullptr)
        return "the connection was closed before an answer";
    if (dynamic_cast<const Poco::Net::MessageException*>(&e) != nullptr) return "the answer is not HTTP";
    return e.displayText();
}

void refuseOverLimit(std::size_t size) {
    if (size > HttpClient::kMaxBody)
        throw Poco::DataException("the answer is over " + std::to_string(HttpClient::kMaxBody >> 20) +
                                  " MiB");
}

// Takes what one read of the socket brought at a time; istream::read would wait for a full buffer, and the
// stream would swallow the exceptions of the socket.
std::string readBody(std::istream& in, const HTTPResponse& response) {
    std::string body;
    std::array<char, kChunk> chunk;
    const auto announced = response.getContentLength64();
    if (announced > 0) refuseOverLimit(static_cast<std::size_t>(announced));
    std::streambuf& buffer = *in.rdbuf();
    while (buffer.sgetc() != std::streambuf::traits_type::eof()) {
        const auto available = std::min<std::streamsize>(buffer.in_avail(), chunk.size());
        body.append(chunk.data(), static_cast<std::size_t>(buffer.sgetn(chunk.data(), available)));
        refuseOverLimit(body.size());
    }
    if (announced >= 0 && body.size() != static_cast<std::size_t>(announced))
        throw Poco::IOException("the connection was closed after " + std::to_string(body.size()) + " of " +
                                std::to_string(announced) + " bytes");
    return body;
}

}  // namespace

HttpClient::HttpClient(const std::string& host, int port, const std::string& fallback,
                       const Interrupt& interrupt)
    : url_("http://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") +
           (port == 80 ? "" : ":" + std::to_string(port))),
      session_(std::make_unique<HttpSession>(new InterruptibleSocketImpl(interrupt), host, port, fallback)) {
}

HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::get(const std::string& path, const std::string& accept, Instant deadline) {
    for (bool reused = session_->connected();; reused = false) {
        try {
            return request(path, accept, deadline);
        } catch (const Poco::Net::NoMessageException& e) {
            session_->reset();
            if (!reused) return Error{url_ + path + ": " + reasonOf(e)};
        } catch (const Poco::Net::ConnectionResetException& e) {
            session_->reset();
            if (!reused) return Error{url_ + path + ": " + reasonOf(e)};
        } catch (const Poco::Exception& e) {
            session_->reset();
            return Error{url_ + path + ": " + reasonOf(e)};
        }
    }
}

HttpResponse HttpClient::request(const std::string& path, const std::string& accept, Instant deadline) {
    session_->setDeadline(deadline);
    const Duration left = std::min(deadline - Clock::system().now(), HttpClient::kConnectTimeout);
    if (left < std::chrono::milliseconds(1)) throw Poco::TimeoutException();
    const Poco::Timespan timeout(left / std::chrono::microseconds(1));
    session_->setTimeout(timeout, timeout, Poco::Timespan(0));

    HTTPRequest request(HTTPRequest::HTTP_GET, path, HTTPRequest::HTTP_1_1);
    if (!accept.empty()) request.set("Accept", accept);
    session_->send(request);
    HTTPResponse response;
    std::istream& in = session_->receiveResponse(response);
    HttpResponse answer;
    answer.status = response.getStatus();
    answer.body = readBody(in, response);
    if (!response.getKeepAlive()) session_->reset();
    return answer;
}

}  // namespace leader::metadata
