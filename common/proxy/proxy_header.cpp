#include "common/proxy/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace leader {
namespace {

struct Address {
    bool v6 = false;
    std::string bytes;  // network order
    std::uint16_t port = 0;

    std::string text() const {
        char buffer[INET6_ADDRSTRLEN] = "";
        inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), buffer, sizeof buffer);
        return buffer;
    }
};

Address fromBytes(bool v6, const void* bytes, std::size_t size, in_port_t port) {
    return {v6, std::string(static_cast<const char*>(bytes), size), ntohs(port)};
}

std::optional<Address> toAddress(const sockaddr_storage& storage) {
    if (storage.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &storage, sizeof v4);
        return fromBytes(false, &v4.sin_addr, 4, v4.sin_port);
    }
    if (storage.ss_family != AF_INET6) return {};
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return fromBytes(false, v6.sin6_addr.s6_addr + 12, 4, v6.sin6_port);
    return fromBytes(true, &v6.sin6_addr, 16, v6.sin6_port);
}

using Getter = int (*)(int, sockaddr*, socklen_t*);

std::optional<Address> ask(Getter getter, int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (getter(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    return toAddress(storage);
}

std::string bigEndian(std::uint16_t value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

// proxy-protocol.txt, section 2.1
std::string versionOne(const Address& from, const Address& to) {
    return std::string("PROXY ") + (from.v6 ? "TCP6 " : "TCP4 ") + from.text() + " " + to.text() + " " +
           std::to_string(from.port) + " " + std::to_string(to.port) + "\r\n";
}

// proxy-protocol.txt, section 2.2: version 2, command PROXY, TCP over IPv4 or IPv6
const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string versionTwo(const Address& from, const Address& to) {
    const std::string addresses = from.bytes + to.bytes + bigEndian(from.port) + bigEndian(to.port);
    return kSignature + '\x21' + (from.v6 ? '\x21' : '\x11') +
           bigEndian(static_cast<std::uint16_t>(addresses.size())) + addresses;
}

}  // namespace

std::string proxyHeader(SendProxy version, int client) {
    if (version == SendProxy::kOff) return {};
    const auto from = ask(getpeername, client);
    const auto to = ask(getsockname, client);
    const bool known = from && to && from->v6 == to->v6;
    if (version == SendProxy::kV1) return known ? versionOne(*from, *to) : "PROXY UNKNOWN\r\n";
    return known ? versionTwo(*from, *to) : kSignature + '\x20' + std::string(3, '\0');
}

}  // namespace leader
