#include "common/proxy/port.h"

#include <algorithm>
#include <system_error>

#include "common/base/log.h"
#include "common/proxy/proxy_header.h"
#include "common/proxy/sockets.h"

namespace leader {
namespace {

// A connection is idle when it carried nothing in this many looks in a row, so it is dropped at most an
// eighth of the time too late, and no byte that is carried costs a look at the clock.
constexpr int kIdleLooks = 8;
constexpr Duration kLeastIdlePause = std::chrono::milliseconds(10);

}  // namespace

bool ProxyCore::reachesItself(std::uint16_t port) const {
    if (!leaderIsLocal || (options.bind && !options.bind->isWildcard() && *options.bind != *leader))
        return false;
    return std::any_of(listeners.begin(), listeners.end(), [port](const Listener* listener) {
        return listener->isOpen() && listener->port() == port;
    });
}

Port::Port(ProxyCore& core, PortMapping mapping)
    : core_(core),
      mapping_(mapping),
      listener_(core.loop, *this),
      targetIsEphemeral_(sockets::isEphemeral(mapping.target)) {
    core_.listeners.push_back(&listener_);
    if (core_.options.idleTimeout > Duration::zero()) dropIdle();
}

Port::~Port() {
    for (const auto timer : {tickTimer_, dialTimer_, idleTimer_}) core_.loop.cancel(timer);
    for (Sessions* list : {&waiting_, &connecting_, &young_, &open_})
        for (Session& session : *list) session.reset();
}

std::optional<Error> Port::listen() {
    if (listener_.isOpen()) return {};
    if (auto error = listener_.open(core_.options.bind, mapping_.listen)) return error;
    log::info("listening on port " + std::to_string(listener_.port()) + " for port " +
              std::to_string(mapping_.target) + " of the leader");
    return {};
}

void Port::release() {
    if (!listener_.isOpen()) return;
    const std::string port = std::to_string(listener_.port());
    listener_.release();
    log::info("no longer listening on port " + port);
}

bool Port::hasRoom() {
    core_.full = core_.sessions >= core_.maxSessions;
    return !core_.full;
}

void Port::onClient(UniqueFd client) {
    ++core_.sessions;
    ++core_.statistics.connections;
    Session& session = waiting_.emplace_back(*this, std::move(client), core_.loop.now());
    session.list = &waiting_;
    session.place = std::prev(waiting_.end());
    if (!session.watchClient()) return refuse(session);
    armTick();
    if (leaderIsReachable() && !failing_) dial(session, session.since());
}

bool Port::leaderIsReachable() const {
    return core_.leader && !core_.reachesItself(mapping_.target);
}

std::string Port::headerFor(int client) {
    return proxyHeader(core_.options.sendProxy, client);
}

// Where nothing listens, TCP can connect a socket of this host to itself (RFC 9293, section 3.5).
bool Port::isOwnSocket(int leader) {
    return targetIsEphemeral_ && core_.leaderIsLocal && sockets::localPort(leader) == mapping_.target;
}

void Port::onConnected(Session& session) {
    moveTo(young_, session);
    if (!std::exchange(failing_, false)) return;
    if (std::exchange(loggedFailing_, false))
        log::info("leader " + target().toString() + " accepts connections again");
    dialWaiting();
}

void Port::onAttemptFailed(Session& session, int error) {
    moveTo(waiting_, session);
    if (std::exchange(failing_, true) || core_.loop.now() < quietUntil_) return;
    loggedFailing_ = true;
    quietUntil_ = core_.loop.now() + kLogInterval;
    log::warning("cannot reach leader " + target().toString() + ": " +
                 std::generic_category().message(error) + "; holding clients and trying again");
}

void Port::followLeader() {
    failing_ = loggedFailing_ = false;
    quietUntil_ = {};
    while (!connecting_.empty()) {
        Session& session = connecting_.front();
        session.abandonAttempt();
        moveTo(waiting_, session);
    }
    dialWaiting();
}

void Port::cutOpenSessions() {
    for (Sessions* list : {&young_, &open_}) core_.statistics.cut += reset(*list);
}

void Port::resetSessions() {
    for (Sessions* list : {&waiting_, &connecting_, &young_, &open_}) reset(*list);
}

std::size_t Port::reset(Sessions& list) {
    std::size_t count = 0;
    for (; !list.empty(); ++count) {
        list.front().reset();
        remove(list.front());
    }
    return count;
}

void Port::dialWaiting() {
    core_.loop.cancel(std::exchange(dialTimer_, EventLoop::kNoTimer));
    const Instant now = core_.loop.now();
    for (int i = 0; i < kDialsPerTurn; ++i) {
        if (waiting_.empty() || failing_ || !leaderIsReachable()) return;
        dial(waiting_.front(), now);
    }
    dialTimer_ = core_.loop.callAt(now, [this] {
        dialTimer_ = EventLoop::kNoTimer;
        dialWaiting();
    });
}

void Port::armTick() {
    if (tickTimer_ == EventLoop::kNoTimer) tickTimer_ = core_.loop.callAfter(kTick, [this] { tick(); });
}

void Port::tick() {
    tickTimer_ = EventLoop::kNoTimer;
    const Instant now = core_.loop.now();
    expireHeld(waiting_, now);
    expireHeld(connecting_, now);
    expireAttempts(now);
    if (failing_ && connecting_.empty() && !waiting_.empty() && leaderIsReachable())
        dial(waiting_.front(), now);
    settleYoung();
    if (heldSessions() > 0) armTick();
}

void Port::expireHeld(Sessions& held, Instant now) {
    for (auto session = held.begin(); session != held.end();) {
        Session& current = *session++;
        if (now - current.since() >= core_.options.hold) refuse(current);
    }
}

void Port::expireAttempts(Instant now) {
    for (auto session = connecting_.begin(); session != connecting_.end();) {
        Session& current = *session++;
        if (now - current.attemptSince() < core_.options.connectTimeout) continue;
        current.abandonAttempt();
        onAttemptFailed(current, ETIMEDOUT);
    }
}

// Most connections of a busy service end before the next tick, and never pay these three system calls.
void Port::settleYoung() {
    for (Session& session : young_) session.noticeDeadLeader();
    for (Session& session : young_) session.list = &open_;
    open_.splice(open_.end(), young_);
}

void Port::dropIdle() {
    for (auto session = open_.begin(); session != open_.end();) {
        Session& current = *session++;
        if (current.countQuiet() <= kIdleLooks) continue;
        current.reset();
        remove(current);
    }
    idleTimer_ = core_.loop.callAfter(std::max(core_.options.idleTimeout / kIdleLooks, kLeastIdlePause),
                                      [this] { dropIdle(); });
}

void Port::dial(Session& session, Instant now) {
    moveTo(connecting_, session);
    session.dial(target(), now);
}

void Port::moveTo(Sessions& list, Session& session) {
    list.splice(list.end(), *session.list, session.place);
    session.list = &list;
}

void Port::refuse(Session& session) {
    ++core_.statistics.refused;
    session.reset();
    remove(session);
}

void Port::remove(Session& session) {
    session.list->erase(session.place);
    --core_.sessions;
    if (core_.sessions == 0) core_.tools.pipes.clear();
    if (!std::exchange(core_.full, false)) return;
    for (Listener* listener : core_.listeners) listener->resume();
}

}  // namespace leader
