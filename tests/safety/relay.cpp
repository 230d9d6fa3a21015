#include "tests/safety/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace leader::test {
namespace {

constexpr std::size_t kMostChunks = 256;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

UniqueFd tcpSocket() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

}  // namespace

Relay::Relay(const std::vector<std::uint16_t>& targets) : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    for (const std::uint16_t target : targets) {
        Listener listener{tcpSocket(), 0, target};
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener.fd.get(), generic, size) != 0 || ::listen(listener.fd.get(), 64) != 0 ||
            ::getsockname(listener.fd.get(), generic, &size) != 0)
            throw std::system_error(errno, std::generic_category(), "the relay cannot listen");
        listener.port = ntohs(address.sin_port);
        listeners_.push_back(std::move(listener));
    }
    thread_ = std::thread([this] { run(); });
}

Relay::~Relay() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    eventfd_write(wake_.get(), 1);
    thread_.join();
}

std::vector<std::uint16_t> Relay::ports() const {
    std::vector<std::uint16_t> all;
    for (const Listener& listener : listeners_) all.push_back(listener.port);
    return all;
}

void Relay::set(Mode mode, std::chrono::milliseconds delay) {
    const std::lock_guard lock(mutex_);
    mode_ = mode;
    delay_ = delay;
    eventfd_write(wake_.get(), 1);
}

void Relay::run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
        std::vector<pollfd> watched{{wake_.get(), POLLIN, 0}};
        for (const Listener& each : listeners_) watched.push_back({each.fd.get(), POLLIN, 0});
        for (const Connection& each : connections_)
            for (int end = 0; end < 2; ++end) {
                const Way& way = each.ways[end];
                const bool reads = mode_ == Mode::kPass && !way.ended && way.chunks.size() < kMostChunks;
                watched.push_back({reads ? each.ends[end].get() : -1, POLLIN, 0});
            }
        const int timeout = nextDelivery(std::chrono::steady_clock::now());
        lock.unlock();
        ::poll(watched.data(), watched.size(), timeout);
        lock.lock();
        eventfd_t ignored = 0;
        eventfd_read(wake_.get(), &ignored);
        std::size_t at = listeners_.size() + 1;
        for (Connection& each : connections_)
            for (int end = 0; end < 2; ++end)
                if (watched[at++].revents != 0) read(each, end);
        for (std::size_t i = 0; i < listeners_.size(); ++i)
            if (watched[i + 1].revents != 0) accept(listeners_[i]);
        if (mode_ == Mode::kCut) connections_.clear();
        if (mode_ != Mode::kPass) continue;
        const Time now = std::chrono::steady_clock::now();
        connections_.remove_if([&](Connection& each) { return !deliver(each, now); });
    }
}

void Relay::accept(const Listener& listener) {
    UniqueFd client(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client || mode_ == Mode::kCut) return;
    UniqueFd server = tcpSocket();
    const sockaddr_in address = loopback(listener.target);
    if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
    Connection& connection = connections_.emplace_back();
    connection.ends[0] = std::move(client);
    connection.ends[1] = std::move(server);
}

void Relay::read(Connection& connection, int from) {
    std::array<char, 16384> buffer;
    const ssize_t size = ::recv(connection.ends[from].get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    Way& way = connection.ways[from];
    way.ended = size <= 0;
    way.chunks.push_back({std::chrono::steady_clock::now() + delay_,
                          std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)))});
}

bool Relay::deliver(Connection& connection, Time now) {
    for (int from = 0; from < 2; ++from) {
        Way& way = connection.ways[from];
        const int to = connection.ends[1 - from].get();
        while (!way.chunks.empty() && way.chunks.front().due <= now) {
            Chunk& chunk = way.chunks.front();
            if (chunk.bytes.empty()) {
                ::shutdown(to, SHUT_WR);
                way.finished = true;
            } else {
                const ssize_t sent =
                    ::send(to, chunk.bytes.data(), chunk.bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
                if (sent < 0 && errno != EAGAIN) return false;
                chunk.bytes.erase(0, static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
                if (!chunk.bytes.empty()) {
                    chunk.due = now + std::chrono::milliseconds(1);
                    break;
                }
            }
            way.chunks.pop_front();
        }
    }
    return !connection.ways[0].finished || !connection.ways[1].finished;
}

int Relay::nextDelivery(Time now) const {
    if (mode_ != Mode::kPass) return -1;
    Time next = Time::max();
    for (const Connection& each : connections_)
        for (const Way& way : each.ways)
            if (!way.chunks.empty()) next = std::min(next, way.chunks.front().due);
    if (next == Time::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
    return static_cast<int>(std::max<decltype(left)>(left, 0));
}

}  // namespace leader::test
