#include "common/proxy/proxy.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>

#include "common/base/log.h"
#include "common/base/signals_blocked.h"
#include "common/proxy/port.h"
#include "common/proxy/sockets.h"

namespace leader {
namespace {

constexpr Duration kTakeInterval = std::chrono::milliseconds(100);

// A connection takes two descriptors.
std::size_t affordable(std::size_t wanted, std::size_t reserved) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
    const std::size_t descriptors = std::max<std::size_t>(limit.rlim_cur, reserved + 2);
    const std::size_t most = (descriptors - reserved) / 2;
    if (most >= wanted) return wanted;
    log::info("at most " + std::to_string(most) + " connections at a time, not " + std::to_string(wanted) +
              ": this process may open only " + std::to_string(limit.rlim_cur) +
              " descriptors; raise the limit (ulimit -n)");
    return most;
}

}  // namespace

Proxy::Proxy(EventLoop& loop, ProxyOptions options)
    : core_(std::make_unique<ProxyCore>(loop, std::move(options))) {
    for (const PortMapping& mapping : core_->options.ports)
        ports_.push_back(std::make_unique<Port>(*core_, mapping));
}

Proxy::~Proxy() {
    core_->loop.cancel(takeTimer_);
}

std::optional<Error> Proxy::open() {
    if (ports_.empty()) return {};
    blockSigpipe();
    for (const auto& port : ports_) {
        auto error = port->listen();
        if (!error) continue;
        for (const auto& taken : ports_) taken->release();
        return error;
    }
    core_->maxSessions = affordable(core_->options.maxConnections, core_->options.reservedDescriptors);
    return {};
}

void Proxy::setLeader(const std::optional<Poco::Net::IPAddress>& leader) {
    const bool other = leader != lastLeader_;
    if (!other && leader == core_->leader) return;
    lastLeader_ = leader;
    core_->leader = leader;
    core_->leaderIsLocal = leader && sockets::isLocal(*leader);
    for (const auto& port : ports_) {
        if (other && core_->options.onChange == OnChange::kCut) port->cutOpenSessions();
        port->followLeader();
    }
}

void Proxy::setLeaderUnknown() {
    if (!core_->leader) return;
    core_->leader.reset();
    for (const auto& port : ports_) port->followLeader();
}

void Proxy::releaseSharedPorts() {
    core_->loop.cancel(std::exchange(takeTimer_, EventLoop::kNoTimer));
    for (const auto& port : ports_)
        if (port->mapping().shared()) port->release();
    for (const auto& port : ports_) port->followLeader();
}

void Proxy::takeSharedPorts(std::function<void(const Error&)> onFailure) {
    core_->loop.cancel(std::exchange(takeTimer_, EventLoop::kNoTimer));
    onTakeFailure_ = std::move(onFailure);
    takeUntil_ = core_->loop.now() + kTakeFor;
    retryTaking();
}

void Proxy::retryTaking() {
    takeTimer_ = EventLoop::kNoTimer;
    std::optional<Error> failure;
    for (const auto& port : ports_)
        if (auto error = port->listen()) failure = std::move(error);
    if (!failure) return;
    if (core_->loop.now() >= takeUntil_) return onTakeFailure_(*failure);
    takeTimer_ = core_->loop.callAfter(kTakeInterval, [this] { retryTaking(); });
}

const std::vector<PortMapping>& Proxy::ports() const {
    return core_->options.ports;
}

void Proxy::resetClients() {
    for (const auto& port : ports_) port->resetSessions();
}

ProxyStatistics Proxy::statistics() const {
    ProxyStatistics result = core_->statistics;
    for (const auto& port : ports_) {
        result.open += port->openSessions();
        result.held += port->heldSessions();
    }
    return result;
}

std::vector<std::uint16_t> Proxy::listeningPorts() const {
    std::vector<std::uint16_t> result;
    for (const auto& port : ports_) result.push_back(port->listener().isOpen() ? port->listener().port() : 0);
    return result;
}

}  // namespace leader
