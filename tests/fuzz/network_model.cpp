#include "tests/fuzz/network_model.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/proxy/flow.h"
#include "tests/fuzz/expect.h"

namespace leader::fuzz {
namespace {

// A prime, so that no shift by a power of two goes unnoticed.
constexpr std::size_t kPeriod = 65521;
constexpr std::size_t kMostAtOnce = 65536;

const std::string& pattern() {
    static const std::string bytes = [] {
        std::string made(kPeriod + kMostAtOnce, '\0');
        for (std::size_t i = 0; i < made.size(); ++i)
            made[i] = static_cast<char>(((i % kPeriod) * 2654435761U) >> 13);
        return made;
    }();
    return bytes;
}

const char* patternAt(std::uint64_t place) {
    return pattern().data() + place % kPeriod;
}

ssize_t fail(int error) {
    errno = error;
    return -1;
}

}  // namespace

NetworkModel* network = nullptr;

std::uint32_t NetworkModel::Socket::events() {
    if (connecting) return 0;
    std::uint32_t mask = 0;
    if (read < arrived || finCame || resetCame) mask |= EPOLLIN;
    if (finCame || resetCame) mask |= EPOLLRDHUP;
    if ((finCame && finSent) || resetCame) mask |= EPOLLHUP;
    if (error != 0) mask |= EPOLLERR;
    if (urgentAt && *urgentAt >= read) mask |= EPOLLPRI;
    // Linux calls a socket writable when a third of its buffer is free.
    if (room() > buffer / 3 || finSent || resetCame)
        mask |= EPOLLOUT;
    else
        noSpace = true;
    return mask;
}

NetworkModel::Socket* NetworkModel::find(int fd) {
    Socket* const socket = fd == kClient ? &client : fd == kLeader ? &leader : nullptr;
    expect(socket == nullptr || !socket->closed, "no closed socket is used");
    return socket;
}

void NetworkModel::arrive(Socket& socket, std::uint64_t count) {
    if (socket.finCame || socket.resetCame || socket.connecting) return;
    const std::uint64_t room = kReceiveBuffer - std::min(kReceiveBuffer, socket.arrived - socket.read);
    count = std::min(count, room);
    if (count == 0) return;
    socket.arrived += count;
    socket.edge = true;
}

void NetworkModel::arriveUrgent(Socket& socket) {
    if (socket.finCame || socket.resetCame || socket.connecting || !socket.inlineUrgent) return;
    socket.urgentAt = socket.arrived;
    arrive(socket, 1);
}

void NetworkModel::fin(Socket& socket) {
    if (socket.resetCame || socket.connecting) return;
    socket.finCame = true;
    socket.edge = true;
}

void NetworkModel::reset(Socket& socket, int error) {
    if (socket.resetCame || socket.closed) return;
    socket.connecting = false;
    socket.resetCame = true;
    socket.error = error;
    socket.edge = true;
}

void NetworkModel::take(Socket& socket, std::uint64_t count) {
    if (socket.resetCame) return;
    socket.taken += std::min(count, socket.sent - socket.corked - socket.taken);
    if (socket.noSpace && socket.room() > socket.buffer / 3) {
        socket.noSpace = false;
        socket.edge = true;
    }
}

void NetworkModel::deliver(Socket& socket) {
    if (socket.closed || socket.handler == nullptr || !socket.edge) return;
    const std::uint32_t events = socket.events();
    if (events == 0) return;
    socket.edge = false;
    socket.handler->onEvents(events);
}

bool NetworkModel::interrupted() {
    if (interrupts == 0) return false;
    --interrupts;
    return true;
}

/// Up to the urgent byte, if that is still to come; from it on, the rest.
std::uint64_t NetworkModel::readable(const Socket& socket) const {
    const bool stops = socket.urgentAt && *socket.urgentAt > socket.read;
    return (stops ? *socket.urgentAt : socket.arrived) - socket.read;
}

ssize_t NetworkModel::failedRead(Socket& socket) {
    // A FIN stands in the queue before the error of a reset behind it.
    if (socket.finCame && !std::exchange(socket.finRead, true)) return 0;
    if (socket.error != 0) return fail(std::exchange(socket.error, 0));
    if (socket.finCame || socket.resetCame) return 0;
    return fail(EAGAIN);
}

ssize_t NetworkModel::failedSend(Socket& socket) {
    if (socket.error != 0) return fail(std::exchange(socket.error, 0));
    if (socket.resetCame || socket.finSent) return fail(EPIPE);
    socket.noSpace = true;
    return fail(EAGAIN);
}

ssize_t NetworkModel::recv(int fd, void* buffer, std::size_t size) {
    Socket& socket = *find(fd);
    if (interrupted()) return fail(EINTR);
    const std::size_t count = std::min<std::uint64_t>({size, readable(socket), kMostAtOnce});
    if (count == 0) return failedRead(socket);
    std::memcpy(buffer, patternAt(socket.read), count);
    socket.read += count;
    return static_cast<ssize_t>(count);
}

ssize_t NetworkModel::send(int fd, const void* buffer, std::size_t size, int flags) {
    Socket& socket = *find(fd);
    expect((flags & MSG_NOSIGNAL) != 0, "no send raises a signal");
    expect(size > 0, "no send of nothing");
    if (interrupted()) return fail(EINTR);
    const std::uint64_t count =
        socket.resetCame || socket.finSent ? 0 : std::min<std::uint64_t>(size, socket.room());
    if (count == 0) return failedSend(socket);
    const char* bytes = static_cast<const char*>(buffer);
    const std::uint64_t first = headerSize(socket);
    for (std::uint64_t done = 0; done < count;) {
        const std::uint64_t place = socket.sent + done;
        const bool inHeader = place < first;
        const std::uint64_t part =
            std::min<std::uint64_t>(count - done, inHeader ? first - place : kMostAtOnce);
        const char* expected = inHeader ? header.data() + place : patternAt(place - first);
        expect(std::memcmp(bytes + done, expected, part) == 0, "every byte goes out in its place");
        done += part;
    }
    out(socket, count, (flags & MSG_MORE) != 0);
    if (count < size) socket.noSpace = true;
    return static_cast<ssize_t>(count);
}

void NetworkModel::out(Socket& sink, std::uint64_t count, bool more) {
    const Socket& source = other(sink);
    sink.sent += count;
    sink.corked = more ? sink.corked + count : 0;
    expect(sink.sent <= source.read + headerSize(sink), "no byte goes out that has not come");
    expect(source.read + headerSize(sink) - sink.sent <= kMostOnTheWay + FlowTools::kCopyBytes,
           "what is on its way is bounded");
}

ssize_t NetworkModel::splice(int from, int to, std::size_t size) {
    if (interrupted()) return fail(EINTR);
    if (shortSplices > 0) {
        --shortSplices;
        size = std::min<std::size_t>(size, 1000);
    }
    const auto source = pipeOf_.find(from);
    const auto sink = pipeOf_.find(to);
    if (source == pipeOf_.end()) {
        expect(sink != pipeOf_.end(), "splice(2) needs a pipe");
        return fill(*find(from), *sink->second, size);
    }
    return drain(*source->second, *find(to), size);
}

ssize_t NetworkModel::fill(Socket& source, Pipe& pipe, std::size_t size) {
    // At an urgent byte splice(2) stops, and stays.
    const bool atUrgent = source.urgentAt && *source.urgentAt == source.read;
    const std::uint64_t space = kMostOnTheWay - pipe.size;
    const std::uint64_t count = atUrgent ? 0 : std::min<std::uint64_t>({size, readable(source), space});
    if (count == 0 && atUrgent) return source.finCame ? 0 : fail(EAGAIN);
    if (count == 0 && space == 0) return fail(EAGAIN);
    if (count == 0) return failedRead(source);
    pipe.segments.push_back({&source, source.read, count});
    pipe.size += count;
    source.read += count;
    return static_cast<ssize_t>(count);
}

ssize_t NetworkModel::drain(Pipe& pipe, Socket& sink, std::size_t size) {
    expect(pipe.size > 0, "no splice from an empty pipe");
    const std::uint64_t most =
        sink.resetCame || sink.finSent ? 0 : std::min<std::uint64_t>({size, sink.room(), pipe.size});
    if (most == 0) return failedSend(sink);
    for (std::uint64_t done = 0; done < most;) {
        Segment& first = pipe.segments.front();
        const std::uint64_t part = std::min(most - done, first.count);
        expect(first.source == &other(sink), "a pipe's bytes go where they belong");
        expect(first.from + headerSize(sink) == sink.sent + done, "every spliced byte goes out in its place");
        first.from += part;
        first.count -= part;
        done += part;
        if (first.count == 0) pipe.segments.pop_front();
    }
    pipe.size -= most;
    out(sink, most, false);
    if (most < size && sink.room() == 0) sink.noSpace = true;
    return static_cast<ssize_t>(most);
}

int NetworkModel::shutdown(int fd) {
    Socket& socket = *find(fd);
    const Socket& source = other(socket);
    if (socket.resetCame) return static_cast<int>(fail(ENOTCONN));
    expect(source.finCame, "an end is passed on, and none made up");
    expect(source.read == source.arrived && socket.sent == source.arrived + headerSize(socket),
           "no end comes before the last byte");
    socket.finSent = true;
    socket.corked = 0;
    socket.edge = socket.edge || socket.finCame;
    return 0;
}

int NetworkModel::close(int fd) {
    if (Socket* socket = find(fd)) {
        socket->closed = true;
        socket->handler = nullptr;
    } else {
        expect(pipeOf_.erase(fd) == 1, "what is closed was open");
    }
    return 0;
}

int NetworkModel::pipe(int* fds) {
    if (noPipes) return static_cast<int>(fail(EMFILE));
    const auto made = std::make_shared<Pipe>();
    for (int end = 0; end < 2; ++end) {
        fds[end] = ++lastFd_;
        pipeOf_[fds[end]] = made;
    }
    return 0;
}

int NetworkModel::watch(int operation, int fd, EventHandler* handler) {
    if (noWatches) {
        excused = true;
        return static_cast<int>(fail(ENOMEM));
    }
    Socket& socket = *find(fd);
    socket.handler = operation == EPOLL_CTL_DEL ? nullptr : handler;
    socket.edge = true;
    return 0;
}

int NetworkModel::takeError(int fd) {
    return std::exchange(find(fd)->error, 0);
}

}  // namespace leader::fuzz
