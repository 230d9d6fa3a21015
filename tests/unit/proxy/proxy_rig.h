#pragma once

#include <sys/socket.h>
#include <time.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "common/proxy/proxy.h"
#include "tests/support/eventually.h"
#include "tests/support/tcp.h"

namespace leader::test {

/// A proxy on a loop that the test turns by hand, in the test's thread, and leaders to connect it to.
class ProxyRig {
  public:
    explicit ProxyRig(const Clock& clock = Clock::system()) : loop(clock) {
        options.bind = Poco::Net::IPAddress(loopback(1));
        options.maxConnections = 1000;
    }

    /// Listens on a free port of loopback(1) for `target` at the leader.
    void open(std::uint16_t target) {
        options.ports = {{0, target}};
        proxy.emplace(loop, options);
        ASSERT_FALSE(proxy->open());
        port = proxy->listeningPorts().at(0);
    }

    void setLeader(const std::string& address) { proxy->setLeader(Poco::Net::IPAddress(address)); }

    /// Turns the loop until `condition` holds, for ten seconds at most.
    bool until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + patience();
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            loop.turn(false);
        }
        return true;
    }

    UniqueFd client() const { return connectTo(loopback(1), port); }

    UniqueFd accepted(const UniqueFd& leader) {
        UniqueFd fd;
        EXPECT_TRUE(until([&] { return static_cast<bool>(fd = acceptFrom(leader)); }));
        return fd;
    }

    std::string read(const UniqueFd& fd, std::size_t size) {
        Received got;
        EXPECT_TRUE(until([&] {
            got.poll(fd, size - got.bytes.size());
            return got.bytes.size() == size || !got.open();
        }));
        return got.bytes;
    }

    /// Reads `fd` to its end: 0 where that is orderly, ECONNRESET where it is not.
    Received readToEnd(const UniqueFd& fd) {
        Received got;
        EXPECT_TRUE(until([&] {
            got.poll(fd);
            return !got.open();
        }));
        return got;
    }

    EventLoop loop;
    ProxyOptions options;
    std::optional<Proxy> proxy;
    std::uint16_t port = 0;
};

}  // namespace leader::test
