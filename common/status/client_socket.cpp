#include "common/status/client_socket.h"

#include <Poco/Net/NetException.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace leader::status {
namespace {

/// An empty line ends the head (RFC 9112, section 2.1); a bare LF will do for its ends (section 2.2).
bool hasEnd(const std::string& head, std::size_t from) {
    const std::size_t start = from > 3 ? from - 3 : 0;
    return head.find("\r\n\r\n", start) != std::string::npos || head.find("\n\n", start) != std::string::npos;
}

}  // namespace

ClientSocket::ClientSocket(int fd, Clients& clients)
    : StreamSocketImpl(fd),
      clients_(clients),
      deadline_(Clock::system().now() + kTime),
      place_(clients.add(fd, Clock::system().now())) {
}

ClientSocket::~ClientSocket() {
    ClientSocket::close();
}

void ClientSocket::close() {
    if (!initialized()) return;
    if (answered_) drain();
    // Before the descriptor is somebody else's.
    clients_.remove(place_);
    StreamSocketImpl::close();
}

int ClientSocket::receiveBytes(void* buffer, int length, int /*flags*/) {
    if (!complete_) readHead();
    const std::size_t count = std::min(head_.size() - handedOut_, static_cast<std::size_t>(length));
    std::memcpy(buffer, head_.data() + handedOut_, count);
    handedOut_ += count;
    return static_cast<int>(count);
}

int ClientSocket::sendBytes(const void* buffer, int length, int /*flags*/) {
    answered_ = true;
    const char* bytes = static_cast<const char*>(buffer);
    int sent = 0;
    while (sent < length) {
        const ssize_t n = ::send(sockfd(), bytes + sent, static_cast<std::size_t>(length - sent),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            sent += static_cast<int>(n);
        else if (errno == EAGAIN && !wait(POLLOUT))
            throw Poco::TimeoutException("the client does not read");
        else if (errno != EAGAIN && errno != EINTR)
            throw Poco::Net::ConnectionResetException();
    }
    return sent;
}

bool ClientSocket::poll(const Poco::Timespan& /*timeout*/, int /*mode*/) {
    return true;
}

bool ClientSocket::wait(short events) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::system().now());
    pollfd entry{sockfd(), events, 0};
    return left.count() > 0 && ::poll(&entry, 1, static_cast<int>(left.count())) > 0;
}

// Nothing of an incomplete head is kept, so that Poco finds the end of the stream.
void ClientSocket::readHead() {
    complete_ = true;
    std::array<char, 2048> chunk;
    for (std::size_t before = 0; !hasEnd(head_, before);) {
        if (head_.size() >= kMostHead) return refuse("431 Request Header Fields Too Large");
        if (!wait(POLLIN)) return refuse("408 Request Timeout");
        const std::size_t most = std::min(chunk.size(), kMostHead - head_.size());
        const ssize_t n = ::recv(sockfd(), chunk.data(), most, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (n <= 0) return head_.clear();
        before = head_.size();
        head_.append(chunk.data(), static_cast<std::size_t>(n));
    }
}

void ClientSocket::refuse(const char* status) {
    head_.clear();
    const std::string answer =
        std::string("HTTP/1.1 ") + status + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    answered_ = ::send(sockfd(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

// Closing with bytes unread would reset the connection, and the client could lose the answer.
void ClientSocket::drain() {
    ::shutdown(sockfd(), SHUT_WR);
    std::array<char, 4096> chunk;
    for (std::size_t drained = 0; drained < kMostDrained && wait(POLLIN);) {
        const ssize_t n = ::recv(sockfd(), chunk.data(), chunk.size(), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return;
        if (n > 0) drained += static_cast<std::size_t>(n);
    }
}

}  // namespace leader::status
