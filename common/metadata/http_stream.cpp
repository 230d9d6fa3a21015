#include "common/metadata/http_stream.h"

#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>

#include "common/metadata/http_session.h"

namespace leader::metadata {
namespace {

constexpr std::size_t kReadSize = 16384;
constexpr int kProbes = 2;

// The peer's kernel answers the probes; one that is gone without a word answers none. What was sent and is
// not acknowledged counts as silence, too.
void expectLife(Poco::Net::StreamSocket& socket, Duration silence) {
    const int seconds = std::max(3, static_cast<int>(silence / std::chrono::seconds(1)));
    const int interval = std::max(1, seconds / (kProbes + 1));
    socket.setKeepAlive(true);
    socket.setOption(IPPROTO_TCP, TCP_KEEPIDLE, seconds - kProbes * interval);
    socket.setOption(IPPROTO_TCP, TCP_KEEPINTVL, interval);
    socket.setOption(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
    socket.setOption(IPPROTO_TCP, TCP_USER_TIMEOUT, seconds * 1000);
}

}  // namespace

HttpStream::HttpStream(const HttpOrigin& origin, const Interrupt& interrupt)
    : session_(std::make_unique<HttpSession>(origin, interrupt)) {
}

HttpStream::HttpStream(HttpStream&&) noexcept = default;
HttpStream::~HttpStream() = default;

Result<HttpResponse> HttpStream::open(const HttpRequest& request, Duration silence, Instant deadline) {
    close();
    where_ = session_->origin().url() + request.path;
    try {
        Poco::Net::HTTPResponse response;
        std::istream& in = session_->exchange(request, response, deadline);
        HttpResponse answer = headOf(response);
        if (answer.status == Poco::Net::HTTPResponse::HTTP_OK) {
            expectLife(session_->socket(), silence);
            open_ = true;
            chunked_ = response.getChunkedTransferEncoding();
        } else {
            answer.body = readBody(in, response);
            close();
        }
        return answer;
    } catch (const Poco::Exception& e) {
        close();
        return Error{where_ + ": " + reasonOf(e)};
    }
}

Result<std::optional<std::string>> HttpStream::line(Instant deadline) {
    std::array<char, kReadSize> bytes;
    for (;;) {
        if (auto line = takeLine()) return line;
        if (!open_) return std::optional<std::string>();
        if (received_.size() > kMaxLine)
            return broken("a line is over " + std::to_string(kMaxLine >> 20) + " MiB");
        try {
            const auto count = session_->readSome(bytes.data(), bytes.size(), deadline);
            if (!count) return std::optional<std::string>();
            if (*count <= 0 && chunked_) return broken("the connection was closed");
            if (*count <= 0) {
                close();
            } else if (!takeBytes(bytes.data(), static_cast<std::size_t>(*count))) {
                return broken("the answer is not HTTP");
            }
        } catch (const Poco::Exception& e) {
            return broken(reasonOf(e));
        }
    }
}

std::optional<std::string> HttpStream::takeLine() {
    const std::size_t end = received_.find('\n', searched_);
    if (end == std::string::npos) {
        searched_ = received_.size();
        return {};
    }
    std::string line = received_.substr(0, end);
    received_.erase(0, end + 1);
    searched_ = 0;
    return line;
}

bool HttpStream::takeBytes(const char* bytes, std::size_t count) {
    if (!chunked_) {
        received_.append(bytes, count);
        return true;
    }
    if (decoder_.decode({bytes, count}, received_)) return false;
    if (decoder_.ended()) {
        open_ = false;
        session_->reset();
    }
    return true;
}

Result<std::optional<std::string>> HttpStream::broken(const std::string& why) {
    close();
    return Error{where_ + ": " + why};
}

void HttpStream::close() {
    session_->reset();
    open_ = false;
    decoder_ = {};
    received_.clear();
    searched_ = 0;
}

}  // namespace leader::metadata
