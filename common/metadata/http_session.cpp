#include "common/metadata/http_session.h"

#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/StreamSocket.h>

#include <algorithm>
#include <array>

#include "common/metadata/name_lookup.h"
#include "common/metadata/tls_functions.h"

namespace leader::metadata {
namespace {

using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;
using Poco::Net::StreamSocketImpl;

// Longer than any server keeps an idle connection: whether it is still there shows when it is used.
constexpr long kKeepAliveSeconds = 3600;
constexpr std::size_t kChunk = 16384;
// RFC 9110, section 15: three digits.
constexpr int kLeastStatus = 100;
// What is readable is there; a layer above TCP may have to wait for the rest of its record.
constexpr Duration kReadable = std::chrono::seconds(1);

struct OwnedSocket : Poco::Net::StreamSocket {
    explicit OwnedSocket(StreamSocketImpl* implementation) : StreamSocket(implementation) {}
};

/// What a look-up has to say, ready for the user.
class LookupException : public Poco::IOException {
  public:
    using IOException::IOException;
};

/// The socket for the origin's scheme.
StreamSocketImpl* makeSocket(const HttpOrigin& origin, const Interrupt& interrupt) {
    if (!origin.tls) return new InterruptibleSocket(interrupt);
    const auto tls = tlsFunctions();
    if (!tls) throw TlsException(tls.error().message);
    return (*tls)->makeSocket(interrupt, origin.host, *origin.tls);
}

void refuseOverLimit(std::size_t size) {
    if (size > HttpClient::kMaxBody)
        throw Poco::DataException("the answer is over " + std::to_string(HttpClient::kMaxBody >> 20) +
                                  " MiB");
}

}  // namespace

HttpSession::HttpSession(const HttpOrigin& origin, const Interrupt& interrupt)
    : HttpSession(origin, interrupt, makeSocket(origin, interrupt)) {
}

HttpSession::HttpSession(HttpOrigin origin, const Interrupt& interrupt, StreamSocketImpl* socket)
    : HTTPClientSession(OwnedSocket(socket)),
      origin_(std::move(origin)),
      interrupt_(&interrupt),
      deadlines_(dynamic_cast<DeadlineSocket*>(socket)) {
    // The base class would look its host up itself and hand connect() the first address only.
    setHost("0.0.0.0");
    setKeepAlive(true);
    setKeepAliveTimeout(Poco::Timespan(kKeepAliveSeconds, 0));
}

void HttpSession::setInterrupt(const Interrupt& interrupt) {
    interrupt_ = &interrupt;
    deadlines_->setInterrupt(interrupt);
}

std::istream& HttpSession::exchange(const HttpRequest& request, HTTPResponse& response, Instant deadline) {
    deadline_ = deadline;
    deadlines_->setDeadline(deadline);
    limitAttempt();

    HTTPRequest head(request.method, request.path, HTTPRequest::HTTP_1_1);
    for (const auto& [name, value] : request.headers) head.set(name, value);
    head.setHost(origin_.host, static_cast<Poco::UInt16>(origin_.port));
    const bool hasBody = !request.body.empty() || request.method == HTTPRequest::HTTP_POST;
    if (hasBody) head.setContentLength64(static_cast<Poco::Int64>(request.body.size()));
    std::ostream& out = sendRequest(head);
    out.write(request.body.data(), static_cast<std::streamsize>(request.body.size()));
    return receiveResponse(response);
}

void HttpSession::limitAttempt() {
    const Duration left = std::min(deadline_ - Clock::system().now(), HttpClient::kConnectTimeout);
    if (left < std::chrono::milliseconds(1)) throw Poco::TimeoutException();
    const Poco::Timespan timeout(left / std::chrono::microseconds(1));
    setTimeout(timeout, timeout, Poco::Timespan(0));
}

void HttpSession::dropIfClosed() {
    if (connected() && waitReadable(socket().impl()->sockfd(), *interrupt_, Duration::zero())) reset();
}

std::optional<int> HttpSession::readSome(char* buffer, int size, Instant deadline) {
    deadlines_->setDeadline(deadline);
    if (buffered() == 0 && !deadlines_->awaitBytes()) return {};
    deadlines_->setDeadline(Clock::system().now() + kReadable);
    return read(buffer, size);
}

void HttpSession::connect(const Poco::Net::SocketAddress& /*ofTheBaseClass*/) {
    const auto addresses = resolve();
    for (std::size_t i = 0;; ++i) {
        limitAttempt();
        try {
            HTTPClientSession::connect(
                Poco::Net::SocketAddress(addresses[i], static_cast<Poco::UInt16>(origin_.port)));
            return socket().setNoDelay(true);
        } catch (const Poco::Exception&) {
            close();
            if (i + 1 == addresses.size()) throw;
        }
    }
}

std::vector<Poco::Net::IPAddress> HttpSession::resolve() const {
    Poco::Net::IPAddress address;
    if (Poco::Net::IPAddress::tryParse(origin_.host, address)) return {address};
    const bool hasFallback = !origin_.fallback.empty();
    const Instant now = Clock::system().now();
    // The fallback needs time of its own.
    const Instant until = hasFallback ? now + (deadline_ - now) / 2 : deadline_;
    const auto found = NameLookups::ofSystem().find(origin_.host, *interrupt_, until);
    if (found) return *found;
    if (!hasFallback) throw LookupException(found.error().message);
    return {Poco::Net::IPAddress(origin_.fallback)};
}

std::string reasonOf(const Poco::Exception& e) {
    if (dynamic_cast<const Poco::TimeoutException*>(&e) != nullptr) return "no answer in time";
    if (dynamic_cast<const TlsException*>(&e) != nullptr) return e.message();
    if (dynamic_cast<const LookupException*>(&e) != nullptr) return e.message();
    if (dynamic_cast<const Poco::Net::ConnectionRefusedException*>(&e) != nullptr)
        return "connection refused";
    if (dynamic_cast<const Poco::Net::NoMessageException*>(&e) != nullptr)
        return "the connection was closed before an answer";
    // The second is about what should be a number.
    if (dynamic_cast<const Poco::Net::MessageException*>(&e) != nullptr ||
        dynamic_cast<const Poco::SyntaxException*>(&e) != nullptr)
        return "the answer is not HTTP";
    return e.displayText();
}

HttpResponse headOf(const HTTPResponse& response) {
    // Poco takes any number of up to three characters, with a sign even.
    if (response.getStatus() < kLeastStatus)
        throw Poco::Net::MessageException("status " + std::to_string(response.getStatus()));
    return {response.getStatus(), response, ""};
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

}  // namespace leader::metadata
