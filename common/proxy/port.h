#pragma once

#include "common/proxy/listener.h"
#include "common/proxy/proxy.h"
#include "common/proxy/session.h"

namespace leader {

/// What the ports of one proxy share; the proxy owns it.
struct ProxyCore {
    ProxyCore(EventLoop& l, ProxyOptions o) : loop(l), options(std::move(o)) {}

    EventLoop& loop;
    const ProxyOptions options;
    FlowTools tools;
    ProxyStatistics statistics;
    std::size_t sessions = 0;
    std::size_t maxSessions = 0;
    /// Nothing: hold clients.
    std::optional<Poco::Net::IPAddress> leader;
    bool leaderIsLocal = false;
    std::vector<Listener*> listeners;
    /// Some listeners have stopped because of maxSessions.
    bool full = false;

    /// Whether connecting to the leader's `port` would reach this proxy itself.
    bool reachesItself(std::uint16_t port) const;
};

/// One forwarded port: its listener and its sessions, and when they try to reach the leader. The leader that
/// does not answer is probed by one session at a time; the others follow as soon as that one is connected.
class Port final : public Listener::User, public SessionOwner {
  public:
    /// How often a leader that refuses is tried again, and how exact the time-outs are.
    static constexpr Duration kTick = std::chrono::milliseconds(50);
    /// Between two log lines on a leader that now refuses and now does not.
    static constexpr Duration kLogInterval = std::chrono::seconds(10);
    /// Attempts begun in one turn when a leader appears.
    static constexpr int kDialsPerTurn = 256;

    Port(ProxyCore& core, PortMapping mapping);
    ~Port() override;
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    [[nodiscard]] std::optional<Error> listen();
    void release();
    const PortMapping& mapping() const { return mapping_; }
    const Listener& listener() const { return listener_; }

    /// The core's leader is another one, or is held back.
    void followLeader();
    void cutOpenSessions();
    void resetSessions();

    std::size_t openSessions() const { return young_.size() + open_.size(); }
    std::size_t heldSessions() const { return waiting_.size() + connecting_.size(); }

  private:
    bool hasRoom() override;
    void onClient(UniqueFd client) override;

    EventLoop& loop() override { return core_.loop; }
    FlowTools& tools() override { return core_.tools; }
    std::uint64_t& bytesToLeader() override { return core_.statistics.bytesToLeader; }
    std::uint64_t& bytesFromLeader() override { return core_.statistics.bytesFromLeader; }
    std::string headerFor(int client) override;
    bool isOwnSocket(int leader) override;
    void onConnected(Session& session) override;
    void onAttemptFailed(Session& session, int error) override;
    void onEnded(Session& session) override { remove(session); }

    bool leaderIsReachable() const;
    Poco::Net::SocketAddress target() const { return {*core_.leader, mapping_.target}; }
    void dial(Session& session, Instant now);
    void dialWaiting();
    void tick();
    void armTick();
    void expireHeld(Sessions& held, Instant now);
    void expireAttempts(Instant now);
    void settleYoung();
    void dropIdle();
    void moveTo(Sessions& list, Session& session);
    std::size_t reset(Sessions& list);
    void refuse(Session& session);
    void remove(Session& session);

    ProxyCore& core_;
    const PortMapping mapping_;
    Listener listener_;
    Sessions waiting_;
    Sessions connecting_;
    Sessions young_;
    Sessions open_;
    const bool targetIsEphemeral_;
    /// The last attempt failed: only one session at a time tries.
    bool failing_ = false;
    bool loggedFailing_ = false;
    Instant quietUntil_;
    EventLoop::TimerId tickTimer_ = EventLoop::kNoTimer;
    EventLoop::TimerId dialTimer_ = EventLoop::kNoTimer;
    EventLoop::TimerId idleTimer_ = EventLoop::kNoTimer;
};

}  // namespace leader
