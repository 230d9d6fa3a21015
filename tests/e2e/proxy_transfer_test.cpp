// What the proxy carries arrives whole, and leaves nothing behind.

#include <Poco/SHA1Engine.h>
#include <gtest/gtest.h>

#include "tests/e2e/proxy_rig.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

/// The bytes of a transfer: this block again and again. Its length is a prime, so that no buffer's size hides
/// a loss.
std::string patternBlock(char seed) {
    std::string block(1'048'573, '\0');
    std::uint32_t state = static_cast<std::uint32_t>(seed) * 2654435761U + 1;
    for (char& c : block) c = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
    return block;
}

struct Pace {
    std::size_t chunk = std::size_t{256} * 1024;
    std::chrono::microseconds pause{0};
};

std::string hexDigest(Poco::SHA1Engine& hash) {
    return Poco::DigestEngine::digestToHex(hash.digest());
}

constexpr auto kGibibyte = 1ULL << 30;

/// The SHA-1 of `total` bytes of the pattern. Those of a gibibyte are known: to hash them takes longer than
/// to carry them.
std::string digestOf(char seed, std::uint64_t total) {
    if (total == kGibibyte)
        return seed == 'u' ? "73e8c78e28a264c62d089d77afb62e3b606043a4"
                           : "34c5f51c67aede45c67cbc79c53de3c5cb9b3c26";
    const std::string block = patternBlock(seed);
    Poco::SHA1Engine hash;
    for (std::uint64_t left = total; left > 0;) {
        const std::size_t size = std::min<std::uint64_t>(left, block.size());
        hash.update(block.data(), size);
        left -= size;
    }
    return hexDigest(hash);
}

/// Sends `total` bytes of the pattern and ends; true where all went out.
bool sendPattern(const UniqueFd& fd, const std::string& block, std::uint64_t total, Pace pace) {
    for (std::uint64_t sent = 0; sent < total;) {
        const std::size_t at = sent % block.size();
        const std::size_t size =
            std::min({pace.chunk, block.size() - at, static_cast<std::size_t>(total - sent)});
        const ssize_t n = send(fd.get(), block.data() + at, size, MSG_NOSIGNAL);
        if (n > 0)
            sent += static_cast<std::uint64_t>(n);
        else if (errno != EAGAIN || !ready(fd, POLLOUT))
            return false;
        if (pace.pause > 0us) std::this_thread::sleep_for(pace.pause);
    }
    return shutdown(fd.get(), SHUT_WR) == 0;
}

/// What came until the end, or how it broke.
struct Arrived {
    std::uint64_t bytes = 0;
    std::string digest;
    int error = 0;
};

Arrived readAll(const UniqueFd& fd, Pace pace) {
    Arrived arrived;
    Poco::SHA1Engine hash;
    std::vector<char> buffer(pace.chunk);
    for (;;) {
        const ssize_t n = recv(fd.get(), buffer.data(), buffer.size(), 0);
        if (n == 0) break;
        if (n > 0) {
            hash.update(buffer.data(), static_cast<std::size_t>(n));
            arrived.bytes += static_cast<std::uint64_t>(n);
        } else if (errno != EAGAIN || !ready(fd, POLLIN)) {
            arrived.error = errno;
            break;
        }
        if (pace.pause > 0us) std::this_thread::sleep_for(pace.pause);
    }
    arrived.digest = hexDigest(hash);
    return arrived;
}

struct Transfer : Proxied {
    /// `total` bytes each way at the same time.
    void transfer(std::uint64_t total, Pace sending = {}, Pace reading = {}) {
        SCOPED_TRACE(std::to_string(total) + " bytes");
        static const std::string upBlock = patternBlock('u');
        static const std::string downBlock = patternBlock('d');
        const UniqueFd client = proxy->client();
        const UniqueFd leader = acceptSoon(listener);
        ASSERT_TRUE(client && leader);
        bool sentUp = false;
        bool sentDown = false;
        Arrived up;
        Arrived down;
        std::thread threads[] = {
            std::thread([&] { sentUp = sendPattern(client, upBlock, total, sending); }),
            std::thread([&] { sentDown = sendPattern(leader, downBlock, total, sending); }),
            std::thread([&] { up = readAll(leader, reading); }),
            std::thread([&] { down = readAll(client, reading); })};
        for (std::thread& thread : threads) thread.join();
        EXPECT_TRUE(sentUp && sentDown);
        for (const auto& [seed, arrived] : {std::pair('u', up), std::pair('d', down)}) {
            EXPECT_EQ(0, arrived.error);
            EXPECT_EQ(total, arrived.bytes);
            EXPECT_EQ(digestOf(seed, total), arrived.digest) << seed;
        }
    }
};

TEST_F(Transfer, OfOneByteToAGibibyteBothWaysAtOnceArrivesWhole) {
    for (const std::uint64_t total : {1ULL, 1000ULL, 16384ULL, 65537ULL, 1ULL << 24, kGibibyte})
        transfer(total);
}

// More than all buffers on the way hold, so that a slow reader slows the sender down.
TEST_F(Transfer, ToSlowReadersArrivesWhole) {
    transfer(24 << 20, {}, {std::size_t{128} * 1024, 2000us});
}

TEST_F(Transfer, OfSlowWritersArrivesWhole) {
    transfer(8 << 20, {std::size_t{32} * 1024, 1000us}, {});
    transfer(1 << 20, {5000, 1000us}, {});
}

TEST_F(Transfer, OfSlowWritersToSlowReadersArrivesWhole) {
    transfer(8 << 20, {70'000, 1000us}, {30'000, 1000us});
    transfer(1 << 20, {7000, 500us}, {3000, 500us});
}

TEST_F(Transfer, APipeIsTakenForBytesOnTheirWayAndGivenBack) {
    const std::size_t before = proxy->descriptors("pipe:");
    std::string sent;
    {
        const UniqueFd client = proxy->client();
        const UniqueFd leader = acceptSoon(listener);
        ASSERT_TRUE(leader);
        const std::string block(std::size_t{64} * 1024, 'x');
        // The client does not read, so that bytes are left in the pipe.
        EXPECT_TRUE(eventually([&] {
            for (ssize_t n = 0; (n = send(leader.get(), block.data(), block.size(), MSG_NOSIGNAL)) > 0;)
                sent.append(block, 0, static_cast<std::size_t>(n));
            return proxy->descriptors("pipe:") == before + 2;
        })) << proxy->descriptors("pipe:") - before;
        shutdown(leader.get(), SHUT_WR);
        EXPECT_EQ(sent.size(), readSoon(client).bytes.size());
    }
    EXPECT_TRUE(eventually([&] { return proxy->descriptors("pipe:") == before; }));
}

/// Answers each client with a name, and every twentieth one with so many bytes more that a pipe carries them.
class BusyLeader {
  public:
    explicit BusyLeader(UniqueFd listener) : listener_(std::move(listener)) {
        thread_ = std::thread([this] { serve(); });
    }
    ~BusyLeader() {
        stop_ = true;
        thread_.join();
    }
    BusyLeader(const BusyLeader&) = delete;
    BusyLeader& operator=(const BusyLeader&) = delete;

    static const std::string& shortAnswer() {
        static const std::string answer = "a leader";
        return answer;
    }
    static const std::string& longAnswer() {
        static const std::string answer = patternBlock('l').substr(0, std::size_t{256} * 1024);
        return answer;
    }

  private:
    void serve() {
        for (int served = 0; !stop_;) {
            pollfd entry{listener_.get(), POLLIN, 0};
            if (::poll(&entry, 1, 20) != 1) continue;
            while (const UniqueFd client = acceptFrom(listener_)) {
                if (++served % 20 != 0) {
                    sendAll(client, shortAnswer());
                    continue;
                }
                fcntl(client.get(), F_SETFL, 0);
                sendAll(client, longAnswer());  // fails for those clients that are gone
            }
        }
    }

    UniqueFd listener_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

TEST_F(Transfer, TwentyThousandConnectionsLeaveNoDescriptorsAndNoPipesBehind) {
    const std::size_t before = proxy->descriptors().size();
    const BusyLeader leader(std::move(listener));
    std::atomic<int> longOnes = 0;
    const auto manyClients = [&] {
        for (int i = 0; i < 10'000; ++i) {
            const UniqueFd client = proxy->client();
            ASSERT_TRUE(client);
            if (i % 7 == 0) resetOnClose(client);
            if (i % 3 == 0) continue;
            const std::string answer = readSoon(client).bytes;
            const bool isLong = answer == BusyLeader::longAnswer();
            longOnes += isLong ? 1 : 0;
            ASSERT_TRUE(isLong || answer == BusyLeader::shortAnswer()) << answer.size() << " bytes";
        }
    };
    std::thread other(manyClients);
    manyClients();
    other.join();
    EXPECT_GT(longOnes, 100);
    EXPECT_TRUE(eventually([&] { return proxy->descriptors().size() == before; }))
        << proxy->descriptors().size() << " and not " << before;
}

}  // namespace
}  // namespace leader::test
