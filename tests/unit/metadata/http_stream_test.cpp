#include "common/metadata/http_stream.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/deadline.h"
#include "tests/support/eventually.h"
#include "tests/support/scripted_http_server.h"

namespace leader::metadata {
namespace {

using namespace std::chrono_literals;
using test::in;
using test::ScriptedHttpServer;
using Request = ScriptedHttpServer::Request;
using Peer = ScriptedHttpServer::Peer;

class HttpStreamTest : public testing::Test {
  protected:
    /// Opens a stream from a server with this script.
    HttpResponse open(ScriptedHttpServer::Handler handler) {
        server.emplace(std::move(handler));
        stream.emplace(HttpOrigin{"127.0.0.1", server->port()}, interrupt);
        HttpRequest request;
        request.method = "POST";
        request.path = "/v3/watch";
        request.body = "{}";
        const auto answer = stream->open(request, 10s, in(10s));
        EXPECT_TRUE(answer.ok()) << answer.error().message;
        return answer ? *answer : HttpResponse();
    }

    std::string nextLine() {
        const auto line = stream->line(in(10s));
        if (!line) return "error: " + line.error().message;
        return line->value_or(stream->isOpen() ? "nothing" : "end");
    }

    Interrupt interrupt;
    std::optional<ScriptedHttpServer> server;
    std::optional<HttpStream> stream;
};

TEST_F(HttpStreamTest, LinesComeAsTheServerSendsThem) {
    std::atomic<int> asked{0};
    ASSERT_EQ(200, open([&](const Request&, Peer& peer) {
                       peer.startChunks();
                       for (int sent = 0; sent < 3; ++sent) {
                           while (asked == sent && peer.pause(1ms)) {
                           }
                           peer.chunk("line " + std::to_string(sent) + "\n");
                       }
                       peer.hold();
                   }).status);
    EXPECT_EQ("{}", server->requests().at(0).body);
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(stream->line(in(5ms))->has_value());
        EXPECT_TRUE(stream->isOpen());
        ++asked;
        EXPECT_EQ("line " + std::to_string(i), nextLine());
    }
}

TEST_F(HttpStreamTest, ALineMayBeCutAnywhereAndWaitedForInBetween) {
    // Each byte comes alone, and between any two of them the reader runs into its deadline.
    std::atomic<bool> go{false};
    const std::string bytes = "4\r\nab\n\n\r\n3\r\ncd\n\r\n0\r\n\r\n";
    open([&](const Request&, Peer& peer) {
        peer.startChunks();
        for (const char byte : bytes) {
            while (!go && peer.pause(0ms)) {
            }
            go = false;
            peer.send(std::string(1, byte));
        }
        peer.hold();
    });
    std::string lines;
    ASSERT_TRUE(test::eventually([&] {
        go = true;
        const auto line = stream->line(in(1ms));
        if (!line) lines += line.error().message;
        if (line.ok() && line->has_value()) lines += **line + "|";
        return !stream->isOpen();
    }));
    EXPECT_EQ("ab||cd|", lines);
}

TEST_F(HttpStreamTest, SeveralLinesOfOneChunkAreHandedOutOneByOne) {
    open([](const Request&, Peer& peer) {
        peer.startChunks();
        peer.chunk("a\nb\nc");
        peer.chunk("d\n");
        peer.send("0\r\n\r\n");
        peer.hold();
    });
    for (const char* expected : {"a", "b", "cd", "end", "end"}) EXPECT_EQ(expected, nextLine());
}

TEST_F(HttpStreamTest, WhatComesWithTheRestOfALineIsHandedOutAtOnceToo) {
    std::atomic<bool> asked{false};
    open([&](const Request&, Peer& peer) {
        peer.startChunks();
        peer.chunk("a long half");
        while (!asked && peer.pause(1ms)) {
        }
        peer.chunk(" line\nb\n");
        peer.hold();
    });
    EXPECT_FALSE(stream->line(in(50ms))->has_value());
    asked = true;
    EXPECT_EQ("a long half line", nextLine());
    EXPECT_EQ("b", nextLine());
}

TEST_F(HttpStreamTest, WithoutChunksTheConnectionsEndIsTheAnswersEnd) {
    open([](const Request&, Peer& peer) {
        peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na\nb\n");
        peer.close();
    });
    for (const char* expected : {"a", "b", "end"}) EXPECT_EQ(expected, nextLine());
}

TEST_F(HttpStreamTest, AConnectionThatIsGoneIsAnError) {
    open([](const Request&, Peer& peer) {
        peer.startChunks();
        peer.chunk("a\nhalf");
        peer.close();
    });
    EXPECT_EQ("a", nextLine());
    EXPECT_EQ(
        "error: http://127.0.0.1:" + std::to_string(server->port()) + "/v3/watch: the connection was closed",
        nextLine());
    EXPECT_FALSE(stream->isOpen());
}

TEST_F(HttpStreamTest, AnotherStatusComesWithItsBodyAndOpensNothing) {
    const auto answer =
        open([](const Request&, Peer& peer) { peer.answer(410, "gone", "Retry-After: 1\r\n"); });
    EXPECT_EQ(410, answer.status);
    EXPECT_EQ("gone", answer.body);
    EXPECT_EQ("1", answer.headers.get("Retry-After"));
    EXPECT_FALSE(stream->isOpen());
}

TEST_F(HttpStreamTest, ALineWithoutAnEndIsAnErrorInsteadOfMemory) {
    open([](const Request&, Peer& peer) {
        peer.startChunks();
        const std::string block(1024UL * 1024, 'x');
        while (peer.chunk(block)) {
        }
    });
    EXPECT_NE(std::string::npos, nextLine().find("a line is over 8 MiB"));
    EXPECT_FALSE(stream->isOpen());
}

TEST_F(HttpStreamTest, WhatIsNoChunkIsAnError) {
    open([](const Request&, Peer& peer) {
        peer.startChunks();
        peer.send("these are not chunks\n");
        peer.hold();
    });
    EXPECT_NE(std::string::npos, nextLine().find("the answer is not HTTP"));
}

TEST_F(HttpStreamTest, AnInterruptEndsTheWaiting) {
    open([](const Request&, Peer& peer) {
        peer.startChunks();
        peer.hold();
    });
    std::thread other([&] { interrupt.raise(); });
    EXPECT_FALSE(stream->line(in(60s))->has_value());
    EXPECT_TRUE(stream->isOpen());
    other.join();
}

TEST_F(HttpStreamTest, OpeningAgainStartsAnew) {
    open([](const Request& request, Peer& peer) {
        peer.startChunks();
        peer.chunk("hello " + request.body + "\nhalf");
        peer.send("7\r\na half");
        peer.hold();
    });
    EXPECT_EQ("hello {}", nextLine());
    HttpRequest request;
    request.method = "POST";
    request.body = "again";
    ASSERT_TRUE(stream->open(request, 10s, in(10s)).ok());
    EXPECT_EQ("hello again", nextLine());
}

}  // namespace
}  // namespace leader::metadata
