#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.h"

namespace leader::test {

/// The network between one member and the etcd cluster: forwards a loopback port of its own to each endpoint,
/// and can be cut or made slow. A thread of its own; its methods from any.
class Relay {
  public:
    enum class Mode {
        kPass,
        kCut,   ///< connections are closed, new ones too
        kHang,  ///< connections stay and are made, and nothing comes through
    };

    explicit Relay(const std::vector<std::uint16_t>& targets);
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// On 127.0.0.1, in the order of the targets.
    std::vector<std::uint16_t> ports() const;
    /// Each byte takes `delay` longer, in each direction.
    void set(Mode mode, std::chrono::milliseconds delay = {});

  private:
    using Time = std::chrono::steady_clock::time_point;
    struct Listener {
        UniqueFd fd;
        std::uint16_t port = 0;
        std::uint16_t target = 0;
    };
    /// What was read of one end and is to be written to the other; an empty one is the end of the stream.
    struct Chunk {
        Time due;
        std::string bytes;
    };
    struct Way {
        std::deque<Chunk> chunks;
        bool ended = false;
        bool finished = false;
    };
    struct Connection {
        UniqueFd ends[2];
        Way ways[2];
    };

    void run();
    void accept(const Listener& listener);
    void read(Connection& connection, int from);
    /// False where the connection is over.
    bool deliver(Connection& connection, Time now);
    int nextDelivery(Time now) const;

    std::vector<Listener> listeners_;
    std::list<Connection> connections_;
    std::mutex mutex_;
    Mode mode_ = Mode::kPass;
    std::chrono::milliseconds delay_{};
    bool stop_ = false;
    UniqueFd wake_;
    std::thread thread_;
};

}  // namespace leader::test
