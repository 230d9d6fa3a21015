#include "common/proxy/sockets.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetworkInterface.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <fstream>

namespace leader::sockets {
namespace {

constexpr int kBacklog = 4096;

// A dead peer is noticed after five minutes, whether bytes are on their way to it or not. Not sooner: a live
// peer that does not read for this long, its window shut, is dropped as well.
constexpr int kUserTimeoutMs = 5 * 60 * 1000;
constexpr int kKeepAliveIdleSeconds = 60;

bool set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool sendAtOnce(int fd) {
    return set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

UniqueFd create(int family) {
    return UniqueFd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
}

UniqueFd tryListen(const Poco::Net::SocketAddress& address, bool alsoV4) {
    UniqueFd fd = create(address.af());
    if (fd && sendAtOnce(fd.get()) && noticeDeadPeer(fd.get()) && carryUrgent(fd.get()) &&
        set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) &&
        (!alsoV4 || set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0)) &&
        ::bind(fd.get(), address.addr(), address.length()) == 0 && ::listen(fd.get(), kBacklog) == 0)
        return fd;
    return {};
}

}  // namespace

Result<UniqueFd> listen(const std::optional<Poco::Net::IPAddress>& bind, std::uint16_t port) {
    using Poco::Net::IPAddress;
    using Poco::Net::SocketAddress;
    UniqueFd fd;
    if (bind) {
        fd = tryListen(SocketAddress(*bind, port), false);
    } else {
        fd = tryListen(SocketAddress(IPAddress(IPAddress::IPv6), port), true);
        if (!fd && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
            fd = tryListen(SocketAddress(IPAddress(IPAddress::IPv4), port), false);
    }
    if (!fd)
        return Error::fromErrno("cannot listen on port " + std::to_string(port) +
                                (bind ? " of " + bind->toString() : ""));
    return fd;
}

UniqueFd connect(const Poco::Net::SocketAddress& address) {
    UniqueFd fd = create(address.af());
    if (!fd) return fd;
    sendAtOnce(fd.get());
    if (::connect(fd.get(), address.addr(), address.length()) != 0 && errno != EINPROGRESS) {
        const int error = errno;
        fd.reset();
        errno = error;
    }
    return fd;
}

bool noticeDeadPeer(int fd) {
    return set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds) &&
           set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

bool carryUrgent(int fd) {
    return set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

int takeError(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

std::uint16_t localPort(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    if (getsockname(fd, address, &size) != 0) return 0;
    return Poco::Net::SocketAddress(address, size).port();
}

void resetOnClose(int fd) {
    const linger abort{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

bool isEphemeral(std::uint16_t port) {
    std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
    int first = 0;
    int last = 0;
    if (!(range >> first >> last)) return true;
    return port >= first && port <= last;
}

bool isLocal(const Poco::Net::IPAddress& address) {
    if (address.isLoopback() || address.isWildcard()) return true;
    try {
        Poco::Net::NetworkInterface::forAddress(address);
        return true;
    } catch (const Poco::Exception&) {
        return false;
    }
}

}  // namespace leader::sockets
