#pragma once

#include <Poco/Net/IPAddress.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace leader {

/// One forwarded port: clients connect to `listen` here and reach `target` at the leader.
struct PortMapping {
    std::uint16_t listen = 0;
    std::uint16_t target = 0;

    /// The leader's command needs this very port: it cannot be listened on while the command runs here.
    bool shared() const { return listen == target; }

    /// "[LISTEN:]TARGET", both 1 to 65535.
    static Result<PortMapping> parse(const std::string& text);
};

/// What becomes of connections to a leader that leads no more.
enum class OnChange { kCut, kDrain };

/// The PROXY protocol header that tells the leader who the client is (haproxy.org, proxy-protocol.txt).
enum class SendProxy { kOff, kV1, kV2 };

struct ProxyOptions {
    std::vector<PortMapping> ports;
    /// Nothing: every address, IPv6 and IPv4.
    std::optional<Poco::Net::IPAddress> bind;
    /// One attempt to reach the leader.
    Duration connectTimeout = std::chrono::seconds(3);
    /// How long a client waits for a leader that accepts, counted from when it came.
    Duration hold = std::chrono::seconds(5);
    /// Zero: never.
    Duration idleTimeout = Duration::zero();
    /// Beyond it, clients wait in the listen queue.
    std::size_t maxConnections = 10000;
    OnChange onChange = OnChange::kCut;
    SendProxy sendProxy = SendProxy::kOff;
    /// Descriptors that no connection may take: for pipes, and for everything else in the process.
    std::size_t reservedDescriptors = 64;
};

}  // namespace leader
