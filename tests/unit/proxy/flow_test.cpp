#include "common/proxy/flow.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <csignal>
#include <random>

#include "tests/support/tcp.h"

namespace leader {
namespace {

using test::Received;

/// A Flow from `sourcePeer` to `sinkPeer` with its own edge-triggered epoll instance.
class Rig {
  public:
    explicit Rig(bool tcp = true) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
        std::tie(sourcePeer, source) = tcp ? test::tcpPair() : unixPair();
        std::tie(sink, sinkPeer) = tcp ? test::tcpPair() : unixPair();
        for (const int fd : {source.get(), sink.get()}) {
            epoll_event event{};
            event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
            event.data.fd = fd;
            EXPECT_EQ(0, epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event));
        }
    }

    /// One turn of an event loop: events that are there, then the pump.
    Flow::Status turn(int timeoutMs = 0) {
        epoll_event events[2];
        const int n = epoll_wait(epoll_.get(), events, 2, timeoutMs);
        for (int i = 0; i < n; ++i) {
            if (events[i].data.fd == source.get())
                flow.sourceEvents(events[i].events);
            else
                flow.sinkEvents(events[i].events);
        }
        return flow.pump(source.get(), sink.get(), *tools, carried);
    }

    UniqueFd sourcePeer, source, sink, sinkPeer;
    Flow flow;
    std::unique_ptr<FlowTools> tools = std::make_unique<FlowTools>();
    std::uint64_t carried = 0;

  private:
    static std::pair<UniqueFd, UniqueFd> unixPair() {
        int fds[2];
        EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
        return {UniqueFd(fds[0]), UniqueFd(fds[1])};
    }

    UniqueFd epoll_;
};

std::string patternBytes(std::size_t from, std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(((from + i) * 2654435761U) >> 13);
    return bytes;
}

// Only what is sent: a small receive buffer makes TCP wait for its own timers.
void shrinkBuffer(const UniqueFd& fd, int bytes) {
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

TEST(Flow, ASmallMessageGoesThroughWithoutAPipe) {
    Rig rig;
    ASSERT_TRUE(test::sendAll(rig.sourcePeer, "hello"));
    EXPECT_EQ(Flow::Status::kBlocked, rig.turn(1000));
    Received got;
    got.poll(rig.sinkPeer);
    EXPECT_EQ("hello", got.bytes);
    EXPECT_EQ(5U, rig.carried);
    EXPECT_EQ(0U, rig.tools->pipes.spare());
}

TEST(Flow, ThePipeGoesBackToThePoolOnceItIsEmpty) {
    Rig rig;
    const std::string bytes = patternBytes(0, 200000);
    std::size_t sent = 0;
    Received got;
    while (got.bytes.size() < bytes.size()) {
        const ssize_t n = send(rig.sourcePeer.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n > 0) sent += static_cast<std::size_t>(n);
        ASSERT_NE(Flow::Status::kBroken, rig.turn());
        got.poll(rig.sinkPeer);
    }
    EXPECT_TRUE(bytes == got.bytes);
    EXPECT_FALSE(rig.flow.holdsPipe());
    EXPECT_EQ(1U, rig.tools->pipes.spare());
}

TEST(Flow, WithASlowReaderItHoldsNoMoreThanOnePipeful) {
    Rig rig;
    const std::string block(std::size_t{256} * 1024, 'x');
    std::size_t most = 0;
    for (int quiet = 0; quiet < 3; ++quiet) {
        while (send(rig.sourcePeer.get(), block.data(), block.size(), MSG_NOSIGNAL) > 0) quiet = 0;
        ASSERT_NE(Flow::Status::kBroken, rig.turn(20));
        most = std::max(most, rig.flow.pending());
    }
    EXPECT_LE(most, static_cast<std::size_t>(PipePool::kPipeBytes));
}

TEST(Flow, OneTurnCarriesABoundedNumberOfBytes) {
    Rig rig;
    const std::string block(std::size_t{256} * 1024, 'x');
    Received got;
    for (int i = 0; i < 20; ++i) {
        while (send(rig.sourcePeer.get(), block.data(), block.size(), MSG_NOSIGNAL) > 0) continue;
        const std::uint64_t before = rig.carried;
        ASSERT_NE(Flow::Status::kBroken, rig.turn());
        ASSERT_LE(rig.carried - before, Flow::kBytesPerTurn + PipePool::kPipeBytes);
        got.poll(rig.sinkPeer);
    }
    EXPECT_EQ(got.bytes.size(), rig.carried);
}

TEST(Flow, TheEndIsToldOnlyAfterAllBytesAreOut) {
    Rig rig(false);
    shrinkBuffer(rig.sink, 4096);
    const std::string bytes = patternBytes(0, 30000);
    ASSERT_TRUE(test::sendAll(rig.sourcePeer, bytes));
    shutdown(rig.sourcePeer.get(), SHUT_WR);
    Received got;
    while (rig.turn() != Flow::Status::kEnded) {
        ASSERT_LT(got.bytes.size(), bytes.size());
        got.poll(rig.sinkPeer, 1000);
    }
    EXPECT_EQ(0U, rig.flow.pending());
    EXPECT_EQ(bytes.size(), rig.carried);
}

TEST(Flow, BytesBeforeAResetStillArrive) {
    Rig rig;
    ASSERT_TRUE(test::sendAll(rig.sourcePeer, "last words"));
    test::resetOnClose(rig.sourcePeer);
    rig.sourcePeer.reset();
    EXPECT_EQ(Flow::Status::kBroken, rig.turn(1000));
    Received got;
    got.poll(rig.sinkPeer);
    EXPECT_EQ("last words", got.bytes);
}

TEST(Flow, ASinkThatIsGoneBreaksIt) {
    Rig rig;
    test::resetOnClose(rig.sinkPeer);
    rig.sinkPeer.reset();
    ASSERT_TRUE(test::sendAll(rig.sourcePeer, "nobody reads this"));
    EXPECT_EQ(Flow::Status::kBroken, rig.turn(1000));
}

TEST(Flow, PrependedBytesComeFirst) {
    Rig rig;
    rig.flow.prepend("header ");
    ASSERT_TRUE(test::sendAll(rig.sourcePeer, "body"));
    rig.turn(1000);
    Received got;
    got.poll(rig.sinkPeer);
    EXPECT_EQ("header body", got.bytes);
}

TEST(Flow, WithoutDescriptorsForAPipeItCopies) {
    Rig rig;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t soft = std::exchange(limit.rlim_cur, 3);
    setrlimit(RLIMIT_NOFILE, &limit);
    const std::string bytes = patternBytes(0, 100000);
    std::size_t sent = 0;
    Received got;
    while (got.bytes.size() < bytes.size()) {
        const ssize_t n = send(rig.sourcePeer.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n > 0) sent += static_cast<std::size_t>(n);
        if (rig.turn() == Flow::Status::kBroken) break;
        got.poll(rig.sinkPeer);
    }
    limit.rlim_cur = soft;
    setrlimit(RLIMIT_NOFILE, &limit);
    EXPECT_TRUE(bytes == got.bytes);
    EXPECT_EQ(0U, rig.tools->pipes.spare());
}

TEST(Flow, AnUrgentByteKeepsItsPlaceAndStopsNothing) {
    Rig rig;
    const int on = 1;
    setsockopt(rig.source.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    const std::string bulk = patternBytes(0, 100000);
    ASSERT_TRUE(test::sendAll(rig.sourcePeer, bulk));
    ASSERT_EQ(1, send(rig.sourcePeer.get(), "!", 1, MSG_OOB));
    ASSERT_TRUE(test::sendAll(rig.sourcePeer, bulk));
    Received got;
    for (int i = 0; i < 1000 && got.bytes.size() < 2 * bulk.size() + 1; ++i) {
        ASSERT_EQ(Flow::Status::kBlocked, rig.turn(10));
        got.poll(rig.sinkPeer);
    }
    EXPECT_TRUE(bulk + "!" + bulk == got.bytes);
}

struct Sizes {
    std::size_t total, writes, reads;
    int buffer;
};

// Writers, readers, turns and spurious events in any order, with buffers that fill up at any point.
void carryAtRandom(unsigned seed, bool tcp) {
    SCOPED_TRACE("seed " + std::to_string(seed) + (tcp ? " tcp" : " unix"));
    std::mt19937 random(seed);
    const auto upTo = [&](std::size_t most) { return 1 + random() % most; };
    const Sizes sizes{upTo(400000), 500 + upTo(seed % 2 == 0 ? 3000 : 120000),
                      500 + upTo(seed % 3 == 0 ? 2000 : 150000), seed % 4 == 0 ? 4096 : 0};
    Rig rig(tcp);
    if (sizes.buffer > 0)
        for (const UniqueFd* fd : {&rig.sourcePeer, &rig.sink}) shrinkBuffer(*fd, sizes.buffer);
    const std::string bytes = patternBytes(seed, sizes.total);
    std::size_t sent = 0;
    Received got;
    Flow::Status status = Flow::Status::kBlocked;
    for (int step = 0; status != Flow::Status::kEnded || got.bytes.size() < bytes.size(); ++step) {
        ASSERT_LT(step, 100000) << got.bytes.size() << " of " << bytes.size();
        switch (random() % 4) {
            case 0: {
                const std::size_t size = std::min(upTo(sizes.writes), bytes.size() - sent);
                const ssize_t n = send(rig.sourcePeer.get(), bytes.data() + sent, size, MSG_NOSIGNAL);
                if (n > 0) sent += static_cast<std::size_t>(n);
                if (sent == bytes.size()) shutdown(rig.sourcePeer.get(), SHUT_WR);
                break;
            }
            case 1:
                got.poll(rig.sinkPeer, upTo(sizes.reads));
                break;
            case 2:
                if (random() % 8 == 0) rig.flow.sourceEvents(EPOLLIN);
                if (random() % 8 == 0) rig.flow.sinkEvents(EPOLLOUT);
                break;
            default:
                status = rig.turn();
                ASSERT_NE(Flow::Status::kBroken, status);
                if (status == Flow::Status::kEnded) shutdown(rig.sink.get(), SHUT_WR);
                ASSERT_LE(rig.flow.pending(), static_cast<std::size_t>(PipePool::kPipeBytes));
                ASSERT_TRUE(rig.flow.pending() > 0 || !rig.flow.holdsPipe());
        }
    }
    EXPECT_TRUE(bytes == got.bytes);
    EXPECT_EQ(bytes.size(), rig.carried);
}

TEST(Flow, CarriesEveryByteInOrderWhateverTheChunksAndTheBuffers) {
    for (unsigned seed = 0; seed < 300; ++seed) carryAtRandom(seed, seed % 3 != 2);
}

}  // namespace
}  // namespace leader
