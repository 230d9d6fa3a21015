#pragma once

#include <Poco/Net/IPAddress.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/event_loop.h"
#include "common/proxy/proxy_options.h"

namespace leader {

class Port;
struct ProxyCore;

struct ProxyStatistics {
    std::uint64_t connections = 0;  ///< clients that were accepted, ever
    std::uint64_t refused = 0;      ///< of these, reset because no leader accepted within the hold
    std::uint64_t cut = 0;          ///< of these, reset because their leader led no more
    std::uint64_t bytesToLeader = 0;
    std::uint64_t bytesFromLeader = 0;
    std::size_t open = 0;  ///< connected to a leader now
    std::size_t held = 0;  ///< waiting for a leader now
};

/// Forwards TCP ports to wherever it is told that the leader is. Lives on the loop's thread, which must
/// outlive it; that thread's SIGPIPE is blocked from open() on, as splice(2) knows no other way.
class Proxy {
  public:
    /// For how long takeSharedPorts() goes on trying.
    static constexpr Duration kTakeFor = std::chrono::seconds(10);

    Proxy(EventLoop& loop, ProxyOptions options);
    ~Proxy();
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    /// Takes all ports, or says which one cannot be had and takes none. Clients are held at first.
    [[nodiscard]] std::optional<Error> open();

    /// Held and new clients go to this address, open connections to another one are cut or left to end.
    /// Nothing: nobody leads; the same, but clients are held.
    void setLeader(const std::optional<Poco::Net::IPAddress>& leader);
    /// Nobody knows who leads: clients are held, open connections stay until another leader is named.
    void setLeaderUnknown();

    /// Before the command starts here: closes the ports it needs itself, those that listen on their target.
    /// Their clients in the listen queue are taken in first, and are served by the command once it listens.
    void releaseSharedPorts();
    /// After the command has stopped: listens on them again. A port still in use is tried again for kTakeFor,
    /// then `onFailure` hears of it, from the loop.
    void takeSharedPorts(std::function<void(const Error&)> onFailure);

    /// The options' ports.
    const std::vector<PortMapping>& ports() const;
    /// Resets all clients and whom they are connected to, as the destructor does.
    void resetClients();

    ProxyStatistics statistics() const;
    /// What each of the options' ports listens on; 0 while it is released.
    std::vector<std::uint16_t> listeningPorts() const;

  private:
    void retryTaking();

    std::unique_ptr<ProxyCore> core_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::optional<Poco::Net::IPAddress> lastLeader_;
    std::function<void(const Error&)> onTakeFailure_;
    Instant takeUntil_;
    EventLoop::TimerId takeTimer_ = EventLoop::kNoTimer;
};

}  // namespace leader
