#pragma once

#include <Poco/Net/IPAddress.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cmd/shared_options.h"
#include "common/proxy/proxy.h"
#include "common/status/report_desk.h"
#include "common/status/server.h"
#include "common/supervisor/supervisor.h"

/// How `run` and `proxy` say what they do: to whoever asks over HTTP, and in the log.
namespace leader {

struct StatusOptions {
    /// Descriptors that the server takes: its clients', and a few of its own.
    static constexpr std::size_t kDescriptors = 80;
    /// How often the watcher comes round at the least, so that it is found out soon if it hangs. Three times
    /// this is more than an engine takes that fails or is slow.
    static constexpr Duration kHeartbeat = std::chrono::seconds(20);

    /// Serve at all.
    bool on = false;
    /// Nothing: every address, IPv6 and IPv4.
    std::optional<Poco::Net::IPAddress> bind;
    std::uint16_t port = 0;
};

/// `--status-address`; "HOST:PORT", where an empty host is every address and port 0 any that is free.
cli::Option statusAddressOption(StatusOptions& target);

/// What the server needs of the others: a heartbeat of the engine, and descriptors left.
void makeRoomForStatus(const StatusOptions& status, EngineOptions& engine, ProxyOptions& proxy);

/// Serves the reports that `make`, called on the loop's thread, gives.
class StatusService {
  public:
    using Make = std::function<status::Report()>;

    /// How long a client's thread waits for the loop.
    static constexpr Duration kPatience = std::chrono::seconds(2);

    /// Null where it is off; an error where the port cannot be had. The loop must outlive the service.
    static Result<std::unique_ptr<StatusService>> open(EventLoop& loop, const StatusOptions& options,
                                                       Make make);

  private:
    StatusService(EventLoop& loop, UniqueFd listener, Make make);

    status::ReportDesk desk_;
    std::unique_ptr<status::Server> server_;
};

status::CommandReport reportOf(const CommandStatus& command);
/// Nothing where no ports are forwarded.
std::optional<status::ProxyReport> reportOf(const Proxy& proxy);

/// For the log, behind who leads now: "; before: web_1, which is stopped". Empty where nobody led or the
/// same.
std::string before(const std::optional<Candidate>& lastLeader, const Outcome& now);

}  // namespace leader
