#pragma once

#include <optional>

#include "common/base/event_loop.h"
#include "common/proxy/proxy_options.h"

namespace leader {

/// Accepts the clients of one port, a bounded number a turn, for as long as its user has room for them.
/// It belongs to the loop's thread; the loop and the user must outlive it.
class Listener : public EventHandler {
  public:
    class User {
      public:
        virtual ~User() = default;
        /// No: the listener stops, and clients wait in the listen queue until resume().
        virtual bool hasRoom() = 0;
        virtual void onClient(UniqueFd client) = 0;
    };

    static constexpr int kAcceptsPerTurn = 64;
    /// For how long nothing is accepted after descriptors or memory have run out.
    static constexpr Duration kPause = std::chrono::milliseconds(100);

    Listener(EventLoop& loop, User& user) : loop_(loop), user_(user) {}
    ~Listener() override { close(); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] std::optional<Error> open(const std::optional<Poco::Net::IPAddress>& bind,
                                            std::uint16_t port);
    /// Hands over whoever is in the listen queue already, as long as there is room, and closes the port.
    void release();
    void resume();

    bool isOpen() const { return static_cast<bool>(socket_); }
    /// The port that open() took, also when it was asked for port 0.
    std::uint16_t port() const { return port_; }

    void onEvents(std::uint32_t events) override;

  private:
    /// The first in the queue, nobody as it is empty, or nobody as descriptors or memory have run out.
    enum class Accepted { kTaken, kEmpty, kNoResources };

    Accepted acceptOne();
    void stop();
    void pause();
    void close();

    EventLoop& loop_;
    User& user_;
    UniqueFd socket_;
    std::uint16_t port_ = 0;
    bool watching_ = false;
    bool exhausted_ = false;
    EventLoop::TimerId pauseTimer_ = EventLoop::kNoTimer;
};

}  // namespace leader
