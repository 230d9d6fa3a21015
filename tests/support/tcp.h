#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "common/base/unique_fd.h"

/// Small TCP and stream-socket helpers for tests; what goes wrong fails the test.
namespace leader::test {

/// Loopback addresses, number 1 to 4, that no other test process uses at the same time: Linux has pids of at
/// most 22 bits.
inline std::string loopback(int number) {
    const unsigned all = (static_cast<unsigned>(::getpid()) << 2) + static_cast<unsigned>(number - 1);
    return "127." + std::to_string((all >> 16) & 0xff) + "." + std::to_string((all >> 8) & 0xff) + "." +
           std::to_string(all & 0xff);
}

struct Loopback {
    sockaddr_storage storage{};
    socklen_t size = 0;

    Loopback(const std::string& address, std::uint16_t port) {
        if (address.find(':') == std::string::npos) {
            auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
            v4->sin_family = AF_INET;
            v4->sin_port = htons(port);
            inet_pton(AF_INET, address.c_str(), &v4->sin_addr);
            size = sizeof *v4;
        } else {
            auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons(port);
            inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr);
            size = sizeof *v6;
        }
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
};

inline std::uint16_t portOf(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    EXPECT_EQ(0, getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size));
    return ntohs(storage.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&storage)->sin_port
                                              : reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port);
}

/// A non-blocking listener; port 0 takes a free one. Empty where the port is taken.
inline UniqueFd listenOn(const std::string& address, std::uint16_t port = 0, int backlog = 1024) {
    const Loopback at(address, port);
    UniqueFd fd(socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd.get(), at.get(), at.size) != 0 || listen(fd.get(), backlog) != 0) return {};
    return fd;
}

/// A port of `address` that is free, and stays so where nobody else uses the address.
inline std::uint16_t freePort(const std::string& address) {
    return portOf(listenOn(address).get());
}

/// Connects, waiting for it, to a listener on this host; non-blocking afterwards. Empty where refused.
inline UniqueFd connectTo(const std::string& address, std::uint16_t port, int receiveBuffer = 0) {
    const Loopback to(address, port);
    UniqueFd fd(socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (receiveBuffer > 0) setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
    if (connect(fd.get(), to.get(), to.size) != 0) return {};
    fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    return fd;
}

inline UniqueFd acceptFrom(const UniqueFd& listener) {
    return UniqueFd(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/// Two ends of a TCP connection on 127.0.0.1, non-blocking.
inline std::pair<UniqueFd, UniqueFd> tcpPair() {
    const UniqueFd listener = listenOn("127.0.0.1");
    UniqueFd a = connectTo("127.0.0.1", portOf(listener.get()));
    UniqueFd b = acceptFrom(listener);
    const int on = 1;
    setsockopt(a.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(b.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return {std::move(a), std::move(b)};
}

inline void resetOnClose(const UniqueFd& fd) {
    const linger abort{1, 0};
    EXPECT_EQ(0, setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort));
}

inline bool sendAll(const UniqueFd& fd, const std::string& bytes) {
    return send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

/// What one end of a connection has received so far, and how it ended.
struct Received {
    std::string bytes;
    bool ended = false;
    int error = 0;

    bool open() const { return !ended && error == 0; }

    /// Reads what is there, at most `most` bytes.
    void poll(const UniqueFd& fd, std::size_t most = SIZE_MAX) {
        static thread_local char buffer[64 * 1024];
        while (open() && most > 0) {
            const ssize_t n = recv(fd.get(), buffer, std::min(most, sizeof buffer), 0);
            if (n > 0) {
                bytes.append(buffer, static_cast<std::size_t>(n));
                most -= static_cast<std::size_t>(n);
            } else if (n == 0) {
                ended = true;
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != EINTR) {
                error = errno;
            }
        }
    }
};

}  // namespace leader::test
