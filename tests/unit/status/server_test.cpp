#include "common/status/server.h"

#include <poll.h>

#include <atomic>
#include <thread>

#include "common/status/client_socket.h"
#include "tests/support/eventually.h"
#include "tests/support/tcp.h"
#include "tests/unit/status/reports.h"

namespace leader::status::test {
namespace {

using leader::test::connectTo;
using leader::test::eventually;
using leader::test::listenOn;
using leader::test::patience;
using leader::test::portOf;
using leader::test::Received;
using leader::test::sendAll;
using namespace std::chrono_literals;

constexpr const char* kRequest = "GET /liveness HTTP/1.1\r\nHost: a\r\n\r\n";

class StatusServer : public testing::Test {
  protected:
    StatusServer() {
        UniqueFd listener = listenOn("127.0.0.1");
        port_ = portOf(listener.get());
        server_ = std::make_unique<Server>(std::move(listener), [this] {
            ++asked_;
            return std::make_shared<const Report>(report(view_));
        });
    }

    UniqueFd client(const std::string& text = "") const {
        UniqueFd fd = connectTo("127.0.0.1", port_);
        EXPECT_TRUE(text.empty() || sendAll(fd, text));
        return fd;
    }

    /// All that comes until the server ends the connection.
    static Received readAll(const UniqueFd& fd) {
        Received got;
        pollfd entry{fd.get(), POLLIN, 0};
        while (got.open() && ::poll(&entry, 1, static_cast<int>(patience().count())) == 1) got.poll(fd);
        return got;
    }

    std::string answerTo(const std::string& text) const { return readAll(client(text)).bytes; }

    static std::string statusLine(const std::string& answer) { return answer.substr(0, answer.find('\r')); }

    std::uint16_t port_ = 0;
    View view_ = sampleView("uuid-2");
    std::atomic<int> asked_ = 0;
    std::unique_ptr<Server> server_;
};

TEST_F(StatusServer, AnswersGetHeadAndOptions) {
    const std::string get = answerTo(kRequest);
    EXPECT_EQ("HTTP/1.1 200 OK", statusLine(get));
    EXPECT_NE(std::string::npos, get.find("\r\n\r\nleader")) << get;
    EXPECT_NE(std::string::npos, get.find("\r\nCache-Control: no-store\r\n")) << get;
    const std::string head = answerTo("HEAD /liveness HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ("HTTP/1.1 200 OK", statusLine(head));
    EXPECT_NE(std::string::npos, head.find("Content-Length: 7")) << head;
    EXPECT_EQ(head.size() - 4, head.find("\r\n\r\n")) << "a body: " << head;
    const std::string options = answerTo("OPTIONS /leader HTTP/1.0\r\n\r\n");
    EXPECT_EQ("HTTP/1.0 503 Service Unavailable", statusLine(options)) << "no command runs here";
    EXPECT_EQ(options.size() - 4, options.find("\r\n\r\n")) << "a body: " << options;
}

TEST_F(StatusServer, TakesAnotherMethodFor405AndALongBodyWithIt) {
    const std::string body(32768, 'x');
    const Received got =
        readAll(client("POST /leader HTTP/1.1\r\nHost: a\r\nContent-Length: 32768\r\n\r\n" + body));
    EXPECT_EQ("HTTP/1.1 405 Method Not Allowed", statusLine(got.bytes));
    EXPECT_TRUE(got.ended) << "a reset may cost the answer: " << got.error;
    EXPECT_NE(std::string::npos, got.bytes.find("Allow: GET, HEAD, OPTIONS"));
}

TEST_F(StatusServer, AnswersOneRequestAConnection) {
    const std::string twice = answerTo(std::string(kRequest) + kRequest);
    EXPECT_EQ(0U, twice.find("HTTP/1.1"));
    EXPECT_EQ(std::string::npos, twice.find("HTTP/1.1", 1)) << twice;
    EXPECT_EQ(1, asked_);
}

TEST_F(StatusServer, WhatIsNotHttpIs400AndNobodyIsAsked) {
    EXPECT_EQ("HTTP/1.1 400 Bad Request", statusLine(answerTo("nonsense\r\n\r\n")));
    EXPECT_EQ("HTTP/1.1 400 Bad Request",
              statusLine(answerTo(std::string(100, 'A') + " / HTTP/1.1\r\n\r\n")));
    EXPECT_EQ(0, asked_);
}

TEST_F(StatusServer, AHeadOf8KiBIsTakenAndOneThatIsLongerRefused) {
    const std::string start = "GET /liveness HTTP/1.1\r\nX-Long: ";
    const std::size_t rest = ClientSocket::kMostHead - start.size() - 4;
    EXPECT_EQ("HTTP/1.1 200 OK", statusLine(answerTo(start + std::string(rest, 'x') + "\r\n\r\n")));
    EXPECT_EQ(1, asked_);
    EXPECT_EQ("HTTP/1.1 431 Request Header Fields Too Large",
              statusLine(answerTo(start + std::string(rest + 1, 'x') + "\r\n\r\n")));
    EXPECT_EQ("HTTP/1.1 431 Request Header Fields Too Large",
              statusLine(answerTo("GET /" + std::string(16384, 'y'))));
    EXPECT_EQ(1, asked_);
}

TEST_F(StatusServer, AHeadMayComeInPieces) {
    const std::string head = kRequest;
    for (std::size_t cut = head.size() - 4; cut < head.size(); ++cut) {
        const UniqueFd fd = client(head.substr(0, cut));
        // Long enough for the server to have read the first one.
        std::this_thread::sleep_for(50ms);
        ASSERT_TRUE(sendAll(fd, head.substr(cut)));
        EXPECT_EQ("HTTP/1.1 200 OK", statusLine(readAll(fd).bytes)) << cut;
    }
}

TEST_F(StatusServer, AHeadWithoutEndIsCutOff) {
    const UniqueFd fd = client("GET / HTTP/1.1\r\n");
    const std::string field = "X: " + std::string(200, 'y') + "\r\n";
    Received got;
    std::size_t sent = 0;
    ASSERT_TRUE(eventually([&] {
        if (send(fd.get(), field.data(), field.size(), MSG_NOSIGNAL) > 0) sent += field.size();
        got.poll(fd);
        return !got.open() || sent > 1'000'000;
    }));
    EXPECT_FALSE(got.open()) << sent;
    EXPECT_EQ(0, asked_);
}

TEST_F(StatusServer, AHeadThatComesByteByByteHasFiveSecondsAsAWhole) {
    const auto start = std::chrono::steady_clock::now();
    const UniqueFd fd = client("GET / HTTP/1.1\r\nX: ");
    Received got;
    auto next = start;
    ASSERT_TRUE(eventually([&] {
        if (std::chrono::steady_clock::now() >= next) {
            next += 100ms;
            send(fd.get(), "x", 1, MSG_NOSIGNAL);
        }
        got.poll(fd);
        return !got.open();
    }));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 4900ms);
    EXPECT_EQ("HTTP/1.1 408 Request Timeout", statusLine(got.bytes));
    EXPECT_EQ(0, asked_);
}

TEST_F(StatusServer, WhoNeverReadsTheAnswerIsLetGoAfterFiveSeconds) {
    // More than the buffers of both sockets can take.
    for (int number = 10; number < 25000; ++number) view_.candidates.push_back(candidate(number));
    const UniqueFd fd = connectTo("127.0.0.1", port_, 4096);
    ASSERT_TRUE(sendAll(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    ASSERT_TRUE(eventually([&] { return asked_ == 1; }));
    ASSERT_EQ(1U, server_->clients());
    ASSERT_TRUE(eventually([&] { return server_->clients() == 0; }, 40s));
    // What it was sent until then is not all there was.
    Received got;
    while (got.open()) got.poll(fd);
    EXPECT_EQ(std::string::npos, got.bytes.find("web-app-24999"));
}

TEST_F(StatusServer, WhoStaysOnAfterTheAnswerIsLetGoToo) {
    const UniqueFd fd = client(kRequest);
    ASSERT_TRUE(eventually([&] { return asked_ == 1; }));
    ASSERT_TRUE(eventually([&] { return server_->clients() == 0; }));
}

TEST_F(StatusServer, WhoLeavesInTheMiddleIsForgottenAtOnce) {
    UniqueFd fd = client("GET / HT");
    ASSERT_TRUE(eventually([&] { return server_->clients() == 1; }));
    fd.reset();
    EXPECT_TRUE(eventually([&] { return server_->clients() == 0; }, 4s));
}

TEST_F(StatusServer, AThousandConnectionsAre64ClientsAndDoNotKeepOthersOut) {
    std::vector<UniqueFd> crowd;
    crowd.reserve(1000);
    std::size_t most = 0;
    for (int i = 0; i < 1000; ++i) {
        crowd.push_back(client());
        ASSERT_TRUE(crowd.back()) << i;
        send(crowd.back().get(), "GET / HTTP/1.1\r\nX: ", 19, MSG_NOSIGNAL);
        most = std::max(most, server_->clients());
    }
    for (int i = 0; i < 3; ++i) EXPECT_EQ("HTTP/1.1 200 OK", statusLine(answerTo(kRequest)));
    EXPECT_LE(std::max(most, server_->clients()), Clients::kMost);
    EXPECT_EQ(3, asked_);
    crowd.clear();
    EXPECT_EQ("HTTP/1.1 200 OK", statusLine(answerTo(kRequest)));
}

TEST_F(StatusServer, TheOldestOfTooManyHasHadItsTime) {
    const Instant start = Clock::system().now();
    std::vector<UniqueFd> crowd;
    crowd.reserve(Clients::kMost + 1);
    for (std::size_t i = 0; i <= Clients::kMost; ++i) crowd.push_back(client());
    EXPECT_FALSE(readAll(crowd.front()).open());
    EXPECT_GE(Clock::system().now() - start, Clients::kLeastTime);
}

TEST_F(StatusServer, ManyAtATimeAreAllAnswered) {
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    threads.reserve(16);
    for (int i = 0; i < 16; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 50; ++n)
                if (statusLine(answerTo(kRequest)) == "HTTP/1.1 200 OK") ++good;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(800, good);
}

TEST_F(StatusServer, EndsAtOnceWithClientsThatHang) {
    std::vector<UniqueFd> crowd;
    crowd.reserve(10);
    for (int i = 0; i < 10; ++i) crowd.push_back(client("GET / "));
    ASSERT_TRUE(eventually([&] { return server_->clients() == 10; }));
    server_.reset();
    for (const UniqueFd& fd : crowd) EXPECT_FALSE(readAll(fd).open());
}

}  // namespace
}  // namespace leader::status::test
