#pragma once

#include <Poco/Net/SocketAddress.h>

#include <cstdint>
#include <list>

#include "common/base/event_loop.h"
#include "common/proxy/flow.h"

namespace leader {

class Session;
using Sessions = std::list<Session>;

/// What a session has in common with the others of its port. It owns the session: onEnded() and
/// onAttemptFailed() may destroy it, so the session touches nothing of its own afterwards.
class SessionOwner {
  public:
    virtual ~SessionOwner() = default;
    virtual EventLoop& loop() = 0;
    virtual FlowTools& tools() = 0;
    virtual std::uint64_t& bytesToLeader() = 0;
    virtual std::uint64_t& bytesFromLeader() = 0;
    /// What is sent to the leader before the client's own bytes.
    virtual std::string headerFor(int client) = 0;

    /// Whether this socket is connected to this very process.
    virtual bool isOwnSocket(int leader) = 0;
    virtual void onConnected(Session& session) = 0;
    /// The attempt to reach the leader failed with this errno value; the client is still there.
    virtual void onAttemptFailed(Session& session, int error) = 0;
    virtual void onEnded(Session& session) = 0;
};

/// One client and, once it is connected, its leader: two sockets and a flow each way. Until then the client's
/// bytes stay in the kernel. Kept small: an idle connection costs this object and nothing else.
class Session {
  public:
    Session(SessionOwner& owner, UniqueFd client, Instant since);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// False when the client cannot be watched; the session is then of no use.
    bool watchClient();
    /// Begins an attempt; the owner hears how it ends, perhaps before this returns.
    void dial(const Poco::Net::SocketAddress& leader, Instant now);
    void abandonAttempt();
    /// For sessions that last.
    void noticeDeadLeader();
    /// Makes the end of this session a reset for both sides.
    void reset();

    /// When the client came.
    Instant since() const { return since_; }
    /// When the attempt under way began.
    Instant attemptSince() const { return attemptSince_; }
    /// How often in a row this was asked without a byte having been carried in between.
    int countQuiet() { return quiet_ < kMaxQuiet ? ++quiet_ : quiet_; }

    /// The owner's: in which of its lists this session stands, and where.
    Sessions* list = nullptr;
    Sessions::iterator place;

  private:
    struct Side final : EventHandler {
        Side(Session& s, UniqueFd socket) : session(s), fd(std::move(socket)) {}
        void onEvents(std::uint32_t events) override;

        Session& session;
        UniqueFd fd;
    };

    static constexpr std::uint8_t kMaxQuiet = 255;

    void onClientEvents(std::uint32_t events);
    void onLeaderEvents(std::uint32_t events);
    void onAttemptEvents(std::uint32_t events);
    void attemptFailed(int error);
    void run(bool failed, bool cutOff = false);
    void passOnEnds(bool upBefore, bool downBefore);
    bool yield(Side& source);
    void close(Side& side);

    SessionOwner& owner_;
    Side client_;
    Side leader_;
    Flow up_;
    Flow down_;
    Instant since_;
    Instant attemptSince_;
    bool open_ = false;
    std::uint8_t quiet_ = 0;
};

}  // namespace leader
