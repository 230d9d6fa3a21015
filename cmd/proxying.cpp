#include "cmd/proxying.h"

#include <Poco/Net/NetException.h>
#include <sys/resource.h>

#include <algorithm>

#include "common/base/log.h"

namespace leader {
namespace {

constexpr std::size_t kMostConnections = 1'000'000;

cli::Option bindOption(ProxyOptions& target) {
    return {"proxy-bind",
            "ADDRESS",
            "where to listen",
            "all, IPv6 and IPv4",
            {},
            false,
            [&target](const std::string& value) -> std::optional<Error> {
                try {
                    target.bind = Poco::Net::IPAddress(value);  // tryParse() refuses the wildcard of IPv6
                } catch (const Poco::Net::InvalidAddressException&) {
                    return Error{"'" + value + "' is no IP address"};
                }
                return {};
            }};
}

}  // namespace

cli::Options proxyOptions(ProxyOptions& target) {
    return {
        bindOption(target),
        cli::duration("connect-timeout", "one attempt to reach the leader", target.connectTimeout),
        cli::duration("hold", "how long a client waits for a leader that accepts before it is dropped",
                      target.hold),
        cli::durationOrOff("idle-timeout", "drop a connection with no traffic", target.idleTimeout),
        cli::count("max-connections", "beyond it, clients wait in the listen queue", 1, kMostConnections,
                   target.maxConnections),
        cli::enumeration("on-change", {"cut", "drain"}, "connections to a leader that leads no more",
                         target.onChange),
        cli::enumeration("send-proxy", {"off", "v1", "v2"}, "PROXY protocol header to the leader",
                         target.sendProxy),
    };
}

cli::Option proxyPortOption(std::vector<PortMapping>& ports) {
    return {"proxy-tcp-port",
            "[LISTEN:]TARGET",
            "while not leading, forward this port to the leader; 0 is off",
            "0",
            {},
            true,
            [&ports](const std::string& value) -> std::optional<Error> {
                if (value == "0") return {};
                return addPort(ports, value);
            }};
}

std::optional<Error> addPort(std::vector<PortMapping>& ports, const std::string& text) {
    const auto port = PortMapping::parse(text);
    if (!port) return port.error();
    const bool taken = std::any_of(ports.begin(), ports.end(),
                                   [&](const auto& other) { return other.listen == port->listen; });
    if (taken) return Error{"port " + std::to_string(port->listen) + " is to be listened on twice"};
    ports.push_back(*port);
    return {};
}

void raiseDescriptorLimit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void Forwarder::forwardTo(const Candidate* leader) {
    Poco::Net::IPAddress address;
    std::string useless;
    if (leader == nullptr) {
        proxy_.setLeader({});
    } else if (Poco::Net::IPAddress::tryParse(leader->address, address)) {
        proxy_.setLeader(address);
    } else {
        proxy_.setLeader({});
        useless = leader->name + ": '" + leader->address + "' is no IP address";
        if (useless != useless_ && !proxy_.listeningPorts().empty())
            log::warning("cannot forward to " + useless);
    }
    useless_ = useless;
}

}  // namespace leader
