#include "common/proxy/session.h"

#include <sys/socket.h>

#include <cerrno>

#include "common/proxy/sockets.h"

namespace leader {
namespace {

// Set once and never changed: edge-triggered, so a ready socket nobody wants to use yet costs no wake-ups.
constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

}  // namespace

Session::Session(SessionOwner& owner, UniqueFd client, Instant since)
    : owner_(owner), client_(*this, std::move(client)), leader_(*this, UniqueFd()), since_(since) {
}

Session::~Session() {
    close(leader_);
    close(client_);
}

bool Session::watchClient() {
    return !owner_.loop().watch(client_.fd.get(), kEvents, client_);
}

void Session::dial(const Poco::Net::SocketAddress& leader, Instant now) {
    attemptSince_ = now;
    leader_.fd = sockets::connect(leader);
    if (!leader_.fd) return attemptFailed(errno);
    if (owner_.loop().watch(leader_.fd.get(), kEvents, leader_)) attemptFailed(ENOMEM);
}

void Session::abandonAttempt() {
    close(leader_);
}

void Session::attemptFailed(int error) {
    abandonAttempt();
    owner_.onAttemptFailed(*this, error);
}

void Session::noticeDeadLeader() {
    sockets::noticeDeadPeer(leader_.fd.get());
}

void Session::reset() {
    sockets::resetOnClose(client_.fd.get());
    if (leader_.fd) sockets::resetOnClose(leader_.fd.get());
}

void Session::Side::onEvents(std::uint32_t events) {
    if (this == &session.client_)
        session.onClientEvents(events);
    else
        session.onLeaderEvents(events);
}

void Session::onClientEvents(std::uint32_t events) {
    up_.sourceEvents(events);
    down_.sinkEvents(events);
    const bool failed = (events & EPOLLERR) != 0;
    if (open_) return run(failed);
    // A held client that has only shut its writing side still wants its answer; one that is gone does not.
    if (failed || (events & EPOLLHUP) != 0) {
        reset();
        owner_.onEnded(*this);
    }
}

void Session::onLeaderEvents(std::uint32_t events) {
    if (!open_) return onAttemptEvents(events);
    if ((events & EPOLLPRI) != 0) sockets::carryUrgent(leader_.fd.get());
    down_.sourceEvents(events);
    up_.sinkEvents(events);
    run((events & EPOLLERR) != 0);
}

void Session::onAttemptEvents(std::uint32_t events) {
    const int error = (events & (EPOLLERR | EPOLLHUP)) != 0 ? sockets::takeError(leader_.fd.get()) : 0;
    // These two are of a connection that there was already: the leader did accept, and then reset it.
    const bool broken = error == ECONNRESET || error == EPIPE;
    if (error != 0 && !broken) return attemptFailed(error);
    if ((events & EPOLLOUT) == 0) return;
    if (owner_.isOwnSocket(leader_.fd.get())) return attemptFailed(ECONNREFUSED);
    open_ = true;
    const std::string header = owner_.headerFor(client_.fd.get());
    if (!header.empty()) up_.prepend(header);
    if ((events & EPOLLPRI) != 0) sockets::carryUrgent(leader_.fd.get());
    down_.sourceEvents(events);
    owner_.onConnected(*this);
    // The error is taken, and reads would make an end of the reset. Behind EPIPE there is a proper one.
    run(broken, error == ECONNRESET);
}

// A reset is passed on at once, but not before what had arrived ahead of it, as far as it can be sent now.
void Session::run(bool failed, bool cutOff) {
    const bool upBefore = up_.ended();
    const bool downBefore = down_.ended();
    const int client = client_.fd.get();
    const int leader = leader_.fd.get();
    const std::uint64_t before = owner_.bytesToLeader() + owner_.bytesFromLeader();
    const Flow::Status up = up_.pump(client, leader, owner_.tools(), owner_.bytesToLeader());
    const Flow::Status down = down_.pump(leader, client, owner_.tools(), owner_.bytesFromLeader());
    if (owner_.bytesToLeader() + owner_.bytesFromLeader() != before) quiet_ = 0;

    const bool broken = up == Flow::Status::kBroken || down == Flow::Status::kBroken;
    if (up_.ended() && down_.ended() && !broken && !cutOff) return owner_.onEnded(*this);
    if (failed || broken || (up == Flow::Status::kYielded && !yield(client_)) ||
        (down == Flow::Status::kYielded && !yield(leader_))) {
        reset();
        return owner_.onEnded(*this);
    }
    passOnEnds(upBefore, downBefore);
}

void Session::passOnEnds(bool upBefore, bool downBefore) {
    if (up_.ended() && !upBefore) shutdown(leader_.fd.get(), SHUT_WR);
    if (down_.ended() && !downBefore) shutdown(client_.fd.get(), SHUT_WR);
}

// Setting the watch anew makes epoll report the source again, after the others had their turn.
bool Session::yield(Side& source) {
    return !owner_.loop().change(source.fd.get(), kEvents, source);
}

// Nobody else has the socket: a command is started on this thread, which waits until the child has closed
// what it got of it. Of 74 us of CPU a short connection this saves 4.
void Session::close(Side& side) {
    if (!side.fd) return;
    owner_.loop().forget(side);
    side.fd.reset();
}

}  // namespace leader
