#include "common/proxy/proxy_header.h"

#include <gtest/gtest.h>

#include "tests/support/tcp.h"

namespace leader {
namespace {

using test::portOf;

std::string bytesOf(std::uint16_t port) {
    return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
}

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

/// A connection to a listener on `address`, and the header for it as its accepting end sees it.
struct Accepted {
    explicit Accepted(const std::string& address)
        : listener(test::listenOn(address)),
          client(test::connectTo(address, portOf(listener.get()))),
          accepted(test::acceptFrom(listener)) {}

    std::string header(SendProxy version) const { return proxyHeader(version, accepted.get()); }
    std::uint16_t from() const { return portOf(client.get()); }
    std::uint16_t to() const { return portOf(listener.get()); }

    UniqueFd listener;
    UniqueFd client;
    UniqueFd accepted;
};

TEST(ProxyHeader, IsEmptyWhereItIsOff) {
    EXPECT_EQ("", Accepted("127.0.0.1").header(SendProxy::kOff));
}

TEST(ProxyHeader, OfVersionOneTellsIPv4AndIPv6InText) {
    const Accepted four("127.0.0.1");
    EXPECT_EQ("PROXY TCP4 127.0.0.1 127.0.0.1 " + std::to_string(four.from()) + " " +
                  std::to_string(four.to()) + "\r\n",
              four.header(SendProxy::kV1));
    const Accepted six("::1");
    EXPECT_EQ("PROXY TCP6 ::1 ::1 " + std::to_string(six.from()) + " " + std::to_string(six.to()) + "\r\n",
              six.header(SendProxy::kV1));
}

TEST(ProxyHeader, OfVersionTwoTellsIPv4AndIPv6InBinary) {
    const Accepted four("127.0.0.1");
    const std::string v4("\x7f\0\0\x01", 4);
    EXPECT_EQ(
        kSignature + std::string("\x21\x11\0\x0c", 4) + v4 + v4 + bytesOf(four.from()) + bytesOf(four.to()),
        four.header(SendProxy::kV2));
    const Accepted six("::1");
    const std::string v6 = std::string(15, '\0') + '\1';
    EXPECT_EQ(
        kSignature + std::string("\x21\x21\0\x24", 4) + v6 + v6 + bytesOf(six.from()) + bytesOf(six.to()),
        six.header(SendProxy::kV2));
}

TEST(ProxyHeader, SaysThatItDoesNotKnowWhoTheClientIs) {
    // No addresses that the header has words for, and a client that is gone already.
    int ends[2] = {-1, -1};
    ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    const UniqueFd one(ends[0]);
    const UniqueFd other(ends[1]);
    Accepted gone("127.0.0.1");
    test::resetOnClose(gone.client);
    gone.client.reset();
    for (const int client : {one.get(), gone.accepted.get()}) {
        EXPECT_EQ("PROXY UNKNOWN\r\n", proxyHeader(SendProxy::kV1, client));
        EXPECT_EQ(kSignature + std::string("\x20\0\0\0", 4), proxyHeader(SendProxy::kV2, client));
    }
}

}  // namespace
}  // namespace leader
