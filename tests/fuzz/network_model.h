#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/event_loop.h"

namespace leader::fuzz {

/// TCP connections and pipes as Linux has them, as far as a session can tell, and watched edge-triggered.
/// What is on its way is counted, not kept: byte n of a direction is always the same. The calls that the
/// target wraps end up here; they check what is sent.
class NetworkModel {
  public:
    static constexpr std::uint64_t kReceiveBuffer = std::uint64_t{3} * 512 * 1024;
    static constexpr std::uint64_t kMostOnTheWay = std::uint64_t{512} * 1024;

    /// One connection, seen from the proxy.
    struct Socket {
        // What has come …
        std::uint64_t arrived = 0;
        std::uint64_t read = 0;
        bool finCame = false;
        bool finRead = false;
        bool resetCame = false;
        int error = 0;
        std::optional<std::uint64_t> urgentAt;
        // … and what goes out.
        std::uint64_t sent = 0;
        std::uint64_t corked = 0;
        std::uint64_t taken = 0;
        std::uint64_t buffer = 65536;
        bool finSent = false;
        bool noSpace = false;

        bool connecting = false;
        bool inlineUrgent = false;
        bool resetsOnClose = false;
        bool closed = false;
        /// Something has happened since its events were told.
        bool edge = false;
        EventHandler* handler = nullptr;

        std::uint32_t events();
        std::uint64_t room() const { return buffer > sent - taken ? buffer - (sent - taken) : 0; }
    };

    /// Faults to come.
    int interrupts = 0;
    int shortSplices = 0;
    bool noPipes = false;
    bool noWatches = false;
    /// A fault was met that may end the session.
    bool excused = false;

    /// Sent to the leader before the client's own bytes.
    std::string header;

    static constexpr int kClient = 1'000'001;
    static constexpr int kLeader = 1'000'002;
    Socket client;
    Socket leader;

    Socket* find(int fd);
    Socket& other(const Socket& socket) { return &socket == &client ? leader : client; }
    bool owns(int fd) const { return fd > 1'000'000; }
    /// Open pipes' ends.
    std::size_t pipeEnds() const { return pipeOf_.size(); }

    // What the peers do.
    void arrive(Socket& socket, std::uint64_t count);
    void arriveUrgent(Socket& socket);
    void fin(Socket& socket);
    void reset(Socket& socket, int error);
    void take(Socket& socket, std::uint64_t count);
    /// Tells the handler what has happened since it was told last.
    void deliver(Socket& socket);

    // The calls.
    ssize_t recv(int fd, void* buffer, std::size_t size);
    ssize_t send(int fd, const void* buffer, std::size_t size, int flags);
    ssize_t splice(int from, int to, std::size_t size);
    int shutdown(int fd);
    int close(int fd);
    int pipe(int* fds);
    int watch(int operation, int fd, EventHandler* handler);
    int takeError(int fd);

  private:
    /// Bytes of one direction, from one place on.
    struct Segment {
        const Socket* source;
        std::uint64_t from;
        std::uint64_t count;
    };
    struct Pipe {
        std::deque<Segment> segments;
        std::uint64_t size = 0;
    };

    std::uint64_t readable(const Socket& socket) const;
    ssize_t failedRead(Socket& socket);
    ssize_t failedSend(Socket& socket);
    std::uint64_t headerSize(const Socket& sink) const { return &sink == &leader ? header.size() : 0; }
    void out(Socket& sink, std::uint64_t count, bool more);
    ssize_t fill(Socket& source, Pipe& pipe, std::size_t size);
    ssize_t drain(Pipe& pipe, Socket& sink, std::size_t size);
    bool interrupted();

    std::map<int, std::shared_ptr<Pipe>> pipeOf_;
    int lastFd_ = 2'000'000;
};

/// The one that the wrapped calls are about.
extern NetworkModel* network;

}  // namespace leader::fuzz
