// The options of the sockets that the proxy process holds, as the kernel tells them.

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "tests/e2e/proxy_rig.h"

namespace leader::test {
namespace {

std::uint16_t peerPortOf(const UniqueFd& fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(fd.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return 0;
    return ntohs(peer.sin_port);
}

int optionOf(const UniqueFd& fd, int level, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(fd.get(), level, option, &value, &size);
    return value;
}

struct Sockets : Proxied {
    void SetUp() override {
        Proxied::SetUp();
        process_.reset(static_cast<int>(syscall(SYS_pidfd_open, proxy->process->pid(), 0)));
        client_ = proxy->client();
        leader_ = acceptSoon(listener);
        ASSERT_TRUE(process_ && client_ && leader_);
        if (copies().empty()) GTEST_SKIP() << "may not look at another process's sockets here";
    }

    std::vector<UniqueFd> copies() const {
        std::vector<UniqueFd> found;
        for (const auto& [number, what] : proxy->descriptors()) {
            if (what.rfind("socket:", 0) != 0) continue;
            UniqueFd copy(static_cast<int>(syscall(SYS_pidfd_getfd, process_.get(), number, 0)));
            if (copy) found.push_back(std::move(copy));
        }
        return found;
    }

    /// The proxy's socket whose other end has this port.
    UniqueFd towards(std::uint16_t port) const {
        for (UniqueFd& each : copies())
            if (peerPortOf(each) == port) return std::move(each);
        return {};
    }

    UniqueFd process_;
    UniqueFd client_;
    UniqueFd leader_;
};

TEST_F(Sockets, OfBothSidesSendAtOnceAndNoticeADeadPeer) {
    for (const std::uint16_t port : {portOf(client_.get()), portOf(listener.get())}) {
        SCOPED_TRACE(port == portOf(client_.get()) ? "client" : "leader");
        const UniqueFd socket = towards(port);
        ASSERT_TRUE(socket);
        EXPECT_EQ(1, optionOf(socket, IPPROTO_TCP, TCP_NODELAY));
        // Those that watch for dead peers may come once a connection has lasted for a moment.
        EXPECT_TRUE(eventually([&] { return optionOf(socket, SOL_SOCKET, SO_KEEPALIVE) == 1; }));
        EXPECT_TRUE(
            eventually([&] { return optionOf(socket, IPPROTO_TCP, TCP_USER_TIMEOUT) == 5 * 60 * 1000; }));
        EXPECT_TRUE(eventually([&] { return optionOf(socket, IPPROTO_TCP, TCP_KEEPIDLE) <= 5 * 60; }));
    }
}

}  // namespace
}  // namespace leader::test
