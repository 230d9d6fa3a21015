#include "cmd/reporting.h"

#include <Poco/Net/NetException.h>

#include <algorithm>
#include <charconv>

#include "common/base/log.h"
#include "common/metadata/name_lookup.h"
#include "common/proxy/sockets.h"
#include "common/status/changes.h"

namespace leader {
namespace {

constexpr Duration kLongestLookup = std::chrono::seconds(10);

Result<Poco::Net::IPAddress> addressOf(const std::string& host) {
    const bool bracketed = host.size() > 1 && host.front() == '[' && host.back() == ']';
    const std::string bare = bracketed ? host.substr(1, host.size() - 2) : host;
    try {
        return Poco::Net::IPAddress(bare);  // tryParse() refuses the wildcard of IPv6
    } catch (const Poco::Net::InvalidAddressException&) {
        // A name, then.
    }
    const Interrupt never;
    const auto found =
        metadata::NameLookups::ofSystem().find(host, never, Clock::system().now() + kLongestLookup);
    if (!found) return Error{"'" + host + "' is no IP address, and " + found.error().message};
    return found->front();
}

std::optional<Error> parseStatusAddress(const std::string& text, StatusOptions& target) {
    const std::size_t colon = text.rfind(':');
    const char* const end = text.data() + text.size();
    std::uint16_t port = 0;
    const auto parsed =
        std::from_chars(colon == std::string::npos ? end : text.data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end) return Error{"'" + text + "' is not HOST:PORT"};
    target.bind.reset();
    const std::string host = text.substr(0, colon);
    if (!host.empty() && host != "*") {
        const auto address = addressOf(host);
        if (!address) return address.error();
        target.bind = *address;
    }
    target.port = port;
    target.on = true;
    return {};
}

}  // namespace

cli::Option statusAddressOption(StatusOptions& target) {
    return {"status-address",
            "HOST:PORT",
            "serve status and metrics over HTTP",
            "off",
            {},
            false,
            [&target](const std::string& value) -> std::optional<Error> {
                target.on = false;
                if (value == "off") return {};
                return parseStatusAddress(value, target);
            }};
}

void makeRoomForStatus(const StatusOptions& status, EngineOptions& engine, ProxyOptions& proxy) {
    if (!status.on) return;
    engine.heartbeat = std::min(engine.heartbeat, StatusOptions::kHeartbeat);
    proxy.reservedDescriptors += StatusOptions::kDescriptors;
}

Result<std::unique_ptr<StatusService>> StatusService::open(EventLoop& loop, const StatusOptions& options,
                                                           Make make) {
    if (!options.on) return std::unique_ptr<StatusService>();
    auto listener = sockets::listen(options.bind, options.port);
    if (!listener) return Error{"--status-address: " + listener.error().message};
    try {
        std::unique_ptr<StatusService> service(
            new StatusService(loop, std::move(*listener), std::move(make)));
        if (service->desk_.failure()) return *service->desk_.failure();
        log::info("status at http://" + service->server_->address() + "/");
        return service;
    } catch (const Poco::Exception& e) {
        return Error{"--status-address: cannot start a thread, raise the limit of processes: " +
                     e.displayText()};
    }
}

StatusService::StatusService(EventLoop& loop, UniqueFd listener, Make make)
    : desk_(loop, std::move(make)),
      server_(
          std::make_unique<status::Server>(std::move(listener), [this] { return desk_.ask(kPatience); })) {
}

status::CommandReport reportOf(const CommandStatus& command) {
    status::CommandReport report;
    report.state = nameOf(command.state);
    report.running = command.state == StateMachine::State::kRunning && command.pid >= 0;
    if (command.pid >= 0) report.pid = command.pid;
    report.started = command.started;
    report.restarts = command.restarts;
    report.exits = command.exits;
    return report;
}

std::optional<status::ProxyReport> reportOf(const Proxy& proxy) {
    const std::vector<PortMapping>& mappings = proxy.ports();
    if (mappings.empty()) return {};
    const ProxyStatistics statistics = proxy.statistics();
    status::ProxyReport report;
    const std::vector<std::uint16_t> listening = proxy.listeningPorts();
    for (std::size_t i = 0; i < mappings.size(); ++i)
        report.ports.push_back({mappings[i].listen, mappings[i].target, listening[i] != 0});
    report.connections = statistics.connections;
    report.refused = statistics.refused;
    report.cut = statistics.cut;
    report.bytesToLeader = statistics.bytesToLeader;
    report.bytesFromLeader = statistics.bytesFromLeader;
    report.open = statistics.open;
    report.held = statistics.held;
    return report;
}

std::string before(const std::optional<Candidate>& lastLeader, const Outcome& now) {
    if (!lastLeader) return "";
    const Candidate* leader = now.leaderCandidate();
    if (leader != nullptr && leader->uuid == lastLeader->uuid) return "";
    const std::string why = status::whyNoLonger(*lastLeader, now.standings);
    return "; before: " + lastLeader->name + (why.empty() ? "" : ", which " + why);
}

}  // namespace leader
