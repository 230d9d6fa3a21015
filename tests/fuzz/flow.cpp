// A session and its two flows over a model of the network, driven by a script: two bytes a step, what happens
// and how much of it. Every byte arrives in order or the connection visibly breaks, nothing piles up, one
// direction's end leaves the other one open, no wake-up is missed and no descriptor is left.

#include <Poco/Net/SocketAddress.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

#include "common/proxy/session.h"
#include "common/proxy/sockets.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/network_model.h"

using leader::fuzz::network;

// The proxy's own calls go to the model, everybody else's to the system.
extern "C" {
ssize_t __real_recv(int fd, void* buffer, std::size_t size, int flags);
ssize_t __real_send(int fd, const void* buffer, std::size_t size, int flags);
int __real_shutdown(int fd, int how);
int __real_close(int fd);
int __real_pipe2(int* fds, int flags);
int __real_epoll_ctl(int epoll, int operation, int fd, epoll_event* event);

static bool ofModel(int fd) {
    return network != nullptr && network->owns(fd);
}
ssize_t __wrap_recv(int fd, void* buffer, std::size_t size, int flags) {
    return ofModel(fd) ? network->recv(fd, buffer, size) : __real_recv(fd, buffer, size, flags);
}
ssize_t __wrap_send(int fd, const void* buffer, std::size_t size, int flags) {
    return ofModel(fd) ? network->send(fd, buffer, size, flags) : __real_send(fd, buffer, size, flags);
}
ssize_t __wrap_splice(int from, void* /*offset*/, int to, void* /*offset*/, std::size_t size,
                      unsigned /*flags*/) {
    return network->splice(from, to, size);
}
int __wrap_shutdown(int fd, int how) {
    return ofModel(fd) ? network->shutdown(fd) : __real_shutdown(fd, how);
}
int __wrap_close(int fd) {
    return ofModel(fd) ? network->close(fd) : __real_close(fd);
}
int __wrap_pipe2(int* fds, int flags) {
    return network != nullptr ? network->pipe(fds) : __real_pipe2(fds, flags);
}
int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
    if (!ofModel(fd)) return __real_epoll_ctl(epoll, operation, fd, event);
    auto* handler = event != nullptr ? static_cast<leader::EventHandler*>(event->data.ptr) : nullptr;
    return network->watch(operation, fd, handler);
}
}

namespace leader::sockets {

UniqueFd connect(const Poco::Net::SocketAddress& /*address*/) {
    network->leader.connecting = true;
    return UniqueFd(fuzz::NetworkModel::kLeader);
}
int takeError(int fd) {
    return network->takeError(fd);
}
bool noticeDeadPeer(int /*fd*/) {
    return true;
}
bool carryUrgent(int fd) {
    network->find(fd)->inlineUrgent = true;
    return true;
}
void resetOnClose(int fd) {
    network->find(fd)->resetsOnClose = true;
}

}  // namespace leader::sockets

namespace leader::fuzz {
namespace {

constexpr std::size_t kMostSteps = 300;
constexpr int kMostTurns = 2000;
constexpr std::uint64_t kBuffer = 65536;

class Owner : public SessionOwner {
  public:
    explicit Owner(EventLoop& loop) : loop_(loop) {}

    EventLoop& loop() override { return loop_; }
    FlowTools& tools() override { return *tools_; }
    std::uint64_t& bytesToLeader() override { return toLeader_; }
    std::uint64_t& bytesFromLeader() override { return fromLeader_; }
    std::string headerFor(int /*client*/) override { return network->header; }
    bool isOwnSocket(int /*leader*/) override { return false; }
    void onConnected(Session& /*session*/) override { connected = true; }
    void onAttemptFailed(Session& /*session*/, int /*error*/) override { attemptFailed = true; }
    void onEnded(Session& /*session*/) override { session.reset(); }

    std::optional<Session> session;
    bool connected = false;
    bool attemptFailed = false;

  private:
    EventLoop& loop_;
    std::unique_ptr<FlowTools> tools_ = std::make_unique<FlowTools>();
    std::uint64_t toLeader_ = 0;
    std::uint64_t fromLeader_ = 0;
};

class Script {
  public:
    Script(EventLoop& loop, bool header) : owner_(loop) {
        network = &net_;
        net_.client.inlineUrgent = true;
        if (header) net_.header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
        owner_.session.emplace(owner_, UniqueFd(NetworkModel::kClient), Instant());
        owner_.session->watchClient();
        owner_.session->dial({}, Instant());
    }
    ~Script() {
        owner_.session.reset();
        owner_.tools().pipes.clear();
        expect(net_.pipeEnds() == 0, "no pipe is left");
        network = nullptr;
    }
    Script(const Script&) = delete;
    Script& operator=(const Script&) = delete;

    void step(unsigned char what, unsigned char much);
    void finish();
    bool over() const { return !owner_.session; }

  private:
    void turn() {
        net_.deliver(net_.client);
        net_.deliver(net_.leader);
    }
    bool idle() const { return !net_.client.edge && !net_.leader.edge; }
    void checkEnd() const;
    void checkCarried(const NetworkModel::Socket& from, const NetworkModel::Socket& to) const;
    bool endsProperly(const NetworkModel::Socket& to) const;
    static bool resets(const NetworkModel::Socket& socket) {
        return socket.resetsOnClose || socket.resetCame;
    }

    NetworkModel net_;
    Owner owner_;
    bool peerReset_ = false;
};

void Script::step(unsigned char what, unsigned char much) {
    NetworkModel::Socket& socket = (what & 0x80) != 0 ? net_.leader : net_.client;
    const std::uint64_t size = std::uint64_t{much & 0x3fU} << ((much >> 6U) * 5U);
    switch (what & 0xfU) {
        case 0:
        case 1:
            return net_.arrive(socket, size);
        case 2:
        case 3:
            return net_.take(socket, size);
        case 4:
        case 5:
            return net_.deliver(socket);
        case 6:
            return turn();
        case 7:
            return net_.fin(socket);
        case 8:
            if (much < 128) return;
            if (&socket == &net_.leader && !owner_.connected) return;
            peerReset_ = true;
            return net_.reset(socket, socket.finCame ? EPIPE : ECONNRESET);
        case 9:
            net_.interrupts = much & 3;
            return;
        case 10:
            net_.shortSplices = much & 7;
            return;
        case 11:
            net_.noPipes = (much & 1) != 0;
            return;
        case 12:
            net_.noWatches = much > 250;
            return;
        case 13:
            return net_.arriveUrgent(socket);
        case 14:
            socket.buffer = size + 1;
            return;
        default:
            if (!net_.leader.connecting) return;
            net_.leader.connecting = false;
            net_.leader.edge = true;
            if (much > 250) net_.reset(net_.leader, ECONNREFUSED);
            // Accepted, and reset before anybody looked.
            if (much > 240 && much <= 250) {
                peerReset_ = true;
                net_.reset(net_.leader, ECONNRESET);
            }
            return;
    }
}

// The peers take all that comes, and all events are told.
void Script::finish() {
    net_.noWatches = false;
    for (NetworkModel::Socket* socket : {&net_.client, &net_.leader}) socket->buffer = kBuffer;
    if (net_.leader.connecting) step(15, 0);
    for (int turns = 0; owner_.session && (turns == 0 || !idle()); ++turns) {
        expect(turns < kMostTurns, "an end is reached");
        turn();
        if (owner_.attemptFailed) return owner_.session.reset();
        for (NetworkModel::Socket* socket : {&net_.client, &net_.leader}) net_.take(*socket, UINT64_MAX);
    }
    checkEnd();
}

void Script::checkEnd() const {
    const NetworkModel::Socket& client = net_.client;
    const NetworkModel::Socket& leader = net_.leader;
    if (!over()) {
        expect(!peerReset_, "a reset ends the session");
        expect(owner_.connected, "who is accepted is connected");
        checkCarried(client, leader);
        checkCarried(leader, client);
        return expect(!client.finSent || !leader.finSent, "a session whose both directions have ended ends");
    }
    if (client.finSent && leader.finSent) return;
    // Both ends may come in one event, and closing passes the second on.
    if (!peerReset_ && !net_.excused) {
        expect(client.finCame && leader.finCame, "a session does not end by itself");
        expect(leader.sent == client.arrived + net_.header.size() && client.sent == leader.arrived,
               "a session ends when all is carried");
        return expect(!resets(client) && !resets(leader),
                      "a session that was carried to its end is not reset");
    }
    expect(endsProperly(client) || resets(client), "a session that breaks breaks visibly for the client");
    expect(endsProperly(leader) || resets(leader) || !owner_.connected,
           "a session that breaks breaks visibly for the leader");
}

/// All that came from the other side has gone out, and its end was one.
bool Script::endsProperly(const NetworkModel::Socket& to) const {
    const NetworkModel::Socket& from = &to == &net_.leader ? net_.client : net_.leader;
    const std::uint64_t first = &to == &net_.leader ? net_.header.size() : 0;
    return from.finCame && to.sent == first + from.arrived;
}

void Script::checkCarried(const NetworkModel::Socket& from, const NetworkModel::Socket& to) const {
    const std::uint64_t first = &to == &net_.leader ? net_.header.size() : 0;
    expect(from.read == from.arrived && to.sent == first + from.arrived, "all that came has gone on");
    expect(to.corked == 0, "nothing is held back");
    expect(to.finSent == from.finCame, "an end is passed on, and only that");
}

EventLoop& sharedLoop() {
    static EventLoop loop;
    return loop;
}

}  // namespace
}  // namespace leader::fuzz

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace leader::fuzz;
    if (size == 0) return 0;
    leader::EventLoop& loop = sharedLoop();
    Script script(loop, (data[0] & 1) != 0);
    for (std::size_t i = 1; i + 1 < std::min(size, 2 * kMostSteps) && !script.over(); i += 2)
        script.step(data[i], data[i + 1]);
    script.finish();
    return 0;
}
