#include "common/metadata/http_client.h"

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

HttpOrigin originOf(const ScriptedHttpServer& server) {
    return {"127.0.0.1", server.port()};
}

HttpRequest post(const std::string& path, const std::string& body) {
    HttpRequest request;
    request.method = "POST";
    request.path = path;
    request.body = body;
    return request;
}

TEST(HttpClient, SendsMethodPathHeadersAndBody) {
    const ScriptedHttpServer server([](const Request&, Peer& peer) { peer.answer(201, "made"); });
    const Interrupt interrupt;
    HttpClient client(originOf(server), interrupt);
    HttpRequest request = post("/v3/kv/put?x=%2F", "{\"key\":\"a\"}");
    request.headers.set("Authorization", "Bearer token");
    const auto answer = client.request(request, in(10s));
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(201, answer->status);
    EXPECT_EQ("made", answer->body);
    const auto seen = server.requests().at(0);
    EXPECT_EQ("POST", seen.method);
    EXPECT_EQ("/v3/kv/put?x=%2F", seen.path);
    EXPECT_EQ("Bearer token", seen.headers.get("authorization"));
    EXPECT_EQ("127.0.0.1:" + std::to_string(server.port()), seen.headers.get("Host"));
    EXPECT_EQ("{\"key\":\"a\"}", seen.body);
}

TEST(HttpClient, PutAndDeleteAreMethodsLikeAnyOther) {
    const ScriptedHttpServer server(
        [](const Request& request, Peer& peer) { peer.answer(200, request.body); });
    const Interrupt interrupt;
    HttpClient client(originOf(server), interrupt);
    for (const std::string method : {"PUT", "PATCH", "DELETE"}) {
        HttpRequest request = post("/", "body of " + method);
        request.method = method;
        EXPECT_EQ("body of " + method, client.request(request, in(10s))->body);
        EXPECT_EQ(method, server.requests().back().method);
    }
    HttpRequest bare;
    bare.method = "DELETE";
    EXPECT_EQ("", client.request(bare, in(10s))->body);
    EXPECT_EQ(1U, server.connections());
}

TEST(HttpClient, AnAnswersHeadersAreFoundWithoutRegardToCase) {
    const ScriptedHttpServer server(
        [](const Request&, Peer& peer) { peer.answer(429, "", "Retry-After: 7\r\n"); });
    const Interrupt interrupt;
    HttpClient client(originOf(server), interrupt);
    const auto answer = client.request(post("/", "x"), in(10s));
    EXPECT_EQ(429, answer->status);
    EXPECT_EQ("7", answer->headers.get("retry-after", ""));
}

TEST(HttpClient, AStatusIsThreeDigitsOrTheAnswerIsNotHttp) {
    for (const std::string status : {"-2", "-20", "0", "99", "1000", "abc"}) {
        const ScriptedHttpServer server([&](const Request&, Peer& peer) {
            peer.send("HTTP/1.1 " + status + " X\r\nContent-Length: 0\r\n\r\n");
        });
        const Interrupt interrupt;
        HttpClient client(originOf(server), interrupt);
        const auto answer = client.request(post("/", "x"), in(10s));
        ASSERT_FALSE(answer.ok()) << status;
        EXPECT_PRED2([](const auto& text, const auto& part) { return text.find(part) != std::string::npos; },
                     answer.error().message, std::string(": the answer is not HTTP"));
    }
}

TEST(HttpClient, ABodyOfMegabytesGoesOutWhole) {
    const ScriptedHttpServer server(
        [](const Request& request, Peer& peer) { peer.answer(200, std::to_string(request.body.size())); });
    const Interrupt interrupt;
    HttpClient client(originOf(server), interrupt);
    EXPECT_EQ("3000000", client.request(post("/", std::string(3'000'000, 'x')), in(10s))->body);
}

TEST(HttpClient, AConnectionThatWasClosedIsReplaced) {
    const ScriptedHttpServer server([](const Request&, Peer& peer) {
        peer.answer(200, "once");
        peer.close();
    });
    const Interrupt interrupt;
    HttpClient client(originOf(server), interrupt);
    for (int i = 0; i < 3; ++i) {
        const auto answer = client.request(post("/", "x"), in(10s));
        EXPECT_TRUE(answer.ok()) << answer.error().message;
    }
    EXPECT_EQ(3U, server.connections());
}

TEST(HttpClient, ServersThatAreSilentOrGoneAreAnErrorAtTheDeadline) {
    const ScriptedHttpServer server([](const Request&, Peer& peer) { peer.hold(); });
    const Interrupt interrupt;
    HttpClient client(originOf(server), interrupt);
    const auto silent = client.request(post("/path", "x"), in(50ms));
    ASSERT_FALSE(silent.ok());
    EXPECT_EQ(originOf(server).url() + "/path: no answer in time", silent.error().message);
    EXPECT_FALSE(client.request(post("/", "x"), in(-1s)).ok());
    HttpClient nowhere({"127.0.0.1", 1}, interrupt);
    EXPECT_EQ("http://127.0.0.1:1/: connection refused", nowhere.request({}, in(10s)).error().message);
}

TEST(HttpClient, AnInterruptEndsTheRequest) {
    const ScriptedHttpServer server([](const Request&, Peer& peer) { peer.hold(); });
    Interrupt interrupt;
    HttpClient client(originOf(server), interrupt);
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return !server.requests().empty(); }));
        interrupt.raise();
    });
    EXPECT_FALSE(client.request(post("/", "x"), in(60s)).ok());
    other.join();
}

TEST(HttpClient, AfterAnInterruptAnotherOneLetsItGoOnOverTheSameConnection) {
    const ScriptedHttpServer server([](const Request&, Peer& peer) { peer.answer(200, ""); });
    Interrupt interrupt;
    const Interrupt never;
    HttpClient client(originOf(server), interrupt);
    ASSERT_TRUE(client.request({}, in(10s)).ok());
    interrupt.raise();
    client.setInterrupt(never);
    EXPECT_TRUE(client.request({}, in(10s)).ok());
    EXPECT_EQ(1U, server.connections());
}

TEST(HttpClient, KnowsItsOwnAddressOnTheConnection) {
    const ScriptedHttpServer server([](const Request&, Peer& peer) { peer.answer(200, ""); });
    const Interrupt interrupt;
    HttpClient client(originOf(server), interrupt);
    EXPECT_EQ("", client.localAddress());
    ASSERT_TRUE(client.request({}, in(10s)).ok());
    EXPECT_EQ("127.0.0.1", client.localAddress());
}

}  // namespace
}  // namespace leader::metadata
