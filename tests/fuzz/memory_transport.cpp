#include "tests/fuzz/memory_transport.h"

#include <Poco/Net/NetException.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/metadata/deadline_socket.h"
#include "common/metadata/tls_functions.h"

namespace leader::fuzz {
namespace {

/// Holds an eventfd, as Poco takes a socket without a descriptor for one that is not connected.
class MemorySocket : public Poco::Net::StreamSocketImpl, public metadata::DeadlineSocket {
  public:
    using StreamSocketImpl::receiveBytes;
    using StreamSocketImpl::sendBytes;

    void connect(const Poco::Net::SocketAddress& /*address*/) override {
        peer_ = MemoryTransport::connect();
        if (!peer_) throw Poco::Net::ConnectionRefusedException();
        reset(eventfd(0, EFD_CLOEXEC));
    }
    void connect(const Poco::Net::SocketAddress& address, const Poco::Timespan& /*timeout*/) override {
        connect(address);
    }
    void close() override {
        StreamSocketImpl::close();
        peer_.reset();
        bytes_.clear();
        ended_ = false;
    }
    int sendBytes(const void* buffer, int length, int /*flags*/) override {
        if (!peer_) throw Poco::Net::InvalidSocketException();
        peer_->sent({static_cast<const char*>(buffer), static_cast<std::size_t>(length)});
        return length;
    }
    int receiveBytes(void* buffer, int length, int /*flags*/) override {
        if (!peer_) throw Poco::Net::InvalidSocketException();
        if (!awaitBytes()) throw Poco::TimeoutException();
        const std::size_t count =
            std::min({static_cast<std::size_t>(length), bytes_.size(), MemoryTransport::piece});
        std::memcpy(buffer, bytes_.data(), count);
        bytes_.erase(0, count);
        return static_cast<int>(count);
    }
    bool awaitBytes() override {
        if (!bytes_.empty() || ended_) return true;
        auto next = peer_->next();
        if (!next) return false;
        bytes_ = std::move(*next);
        ended_ = bytes_.empty();
        return true;
    }
    void setDeadline(Instant /*deadline*/) override {}
    void setInterrupt(const Interrupt& /*interrupt*/) override {}

    bool poll(const Poco::Timespan& /*timeout*/, int /*mode*/) override { return true; }
    void setSendTimeout(const Poco::Timespan& /*timeout*/) override {}
    void setReceiveTimeout(const Poco::Timespan& /*timeout*/) override {}
    void setRawOption(int /*level*/, int /*option*/, const void* /*value*/,
                      poco_socklen_t /*length*/) override {}
    void shutdownSend() override {}
    void shutdown() override {}
    Poco::Net::SocketAddress address() override { return Poco::Net::SocketAddress("127.0.0.1", 1); }

  private:
    std::unique_ptr<Peer> peer_;
    std::string bytes_;
    bool ended_ = false;
};

}  // namespace

std::function<std::unique_ptr<Peer>()> MemoryTransport::connect;
std::size_t MemoryTransport::piece = 65536;

metadata::HttpOrigin MemoryTransport::origin() {
    return {"127.0.0.1", 1, "", metadata::TlsFiles()};
}

void LinePeer::sent(std::string_view bytes) {
    request_.append(bytes);
    asked_ = true;
}

std::optional<std::string> LinePeer::next() {
    if (watched_) return lines_.empty() ? "0\r\n\r\n" : chunk();
    if (!std::exchange(asked_, false)) return "";
    const bool watch = request_.find("watch") < request_.find("\r\n");
    request_.clear();
    if (!watch) return answer();
    watched_ = true;
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
}

std::string_view LinePeer::takeLine() {
    const std::string_view line = lines_.substr(0, lines_.find('\n'));
    lines_.remove_prefix(std::min(lines_.size(), line.size() + 1));
    return line;
}

std::string LinePeer::answer() {
    std::string_view line = takeLine();
    unsigned status = 200;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), status);
    if (error == std::errc()) line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    return "HTTP/1.1 " + std::to_string(status % 1000) +
           " X\r\nRetry-After: 5\r\nContent-Length: " + std::to_string(line.size()) + "\r\n\r\n" +
           std::string(line);
}

std::string LinePeer::chunk() {
    const std::string line = std::string(takeLine()) + "\n";
    char size[17] = {};
    std::to_chars(size, size + 16, line.size(), 16);
    return std::string(size) + "\r\n" + line + "\r\n";
}

}  // namespace leader::fuzz

namespace leader::metadata {

Result<const TlsFunctions*> tlsFunctions() {
    static const TlsFunctions functions = {
        [](const Interrupt&, const std::string&, const TlsFiles&) -> Poco::Net::StreamSocketImpl* {
            return new fuzz::MemorySocket;
        },
        [](const TlsFiles&) { return std::optional<Error>(); }};
    return &functions;
}

}  // namespace leader::metadata
