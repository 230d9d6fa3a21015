#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "common/metadata/http_client.h"
#include "common/metadata/http_stream.h"
#include "common/metadata/tls_functions.h"
#include "tests/support/deadline.h"
#include "tests/support/eventually.h"
#include "tests/support/scripted_http_server.h"
#include "tests/support/tcp.h"
#include "tests/support/tls_front.h"

namespace leader::metadata {
namespace {

using namespace std::chrono_literals;
using test::Certificate;
using test::CertificateAuthority;
using test::in;
using test::ScriptedHttpServer;
using test::TlsFront;
using Request = ScriptedHttpServer::Request;
using Peer = ScriptedHttpServer::Peer;

class TlsTest : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        authority = new CertificateAuthority;
        good = authority->issue("/CN=good", "DNS:localhost,DNS:*.wild.test,IP:127.0.0.1");
    }
    static void TearDownTestSuite() {
        delete authority;
        authority = nullptr;
    }

    HttpOrigin originOf(const TlsFront& front, const std::string& host = "127.0.0.1") const {
        HttpOrigin origin{host, front.port(), "127.0.0.1", files};
        return origin;
    }

    /// What a request through a front with these options comes to: the body, or the error.
    std::string ask(TlsFront::Options options, const std::string& host = "127.0.0.1") {
        const TlsFront front(server.port(), std::move(options));
        HttpClient client(originOf(front, host), interrupt);
        const auto answer = client.get("/", "", in(10s));
        return answer ? answer->body : answer.error().message;
    }

    static CertificateAuthority* authority;
    static Certificate good;
    TlsFiles files{authority->file()};
    Interrupt interrupt;
    ScriptedHttpServer server{[](const Request&, Peer& peer) { peer.answer(200, "hello"); }};
};
CertificateAuthority* TlsTest::authority = nullptr;
Certificate TlsTest::good;

bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(TlsTest, AServerThatProvesItsNameOrAddressIsSpokenTo) {
    EXPECT_EQ("hello", ask({good}));
    EXPECT_EQ("hello", ask({good}, "localhost"));
    EXPECT_EQ("hello", ask({good}, "a.wild.test"));
}

TEST_F(TlsTest, NamesAreAskedForAndAddressesAreNot) {
    const TlsFront front(server.port(), {good});
    HttpClient byName(originOf(front, "localhost"), interrupt);
    ASSERT_TRUE(byName.get("/", "", in(10s)).ok());
    EXPECT_EQ("localhost", front.askedFor());
    HttpClient byAddress(originOf(front), interrupt);
    ASSERT_TRUE(byAddress.get("/", "", in(10s)).ok());
    EXPECT_EQ("", front.askedFor());
}

TEST_F(TlsTest, ACertificateForAnotherHostIsRefusedAndSaysForWhom) {
    const auto other = authority->issue("/CN=127.0.0.1", "DNS:other.test,IP:127.0.0.2");
    EXPECT_PRED2(says, ask({other}),
                 "CN=127.0.0.1 is not for this host but for DNS:other.test, IP Address:127.0.0.2");
    EXPECT_PRED2(says, ask({other}, "localhost"), "is not for this host but for DNS:other.test");
    // A common name is no host's name.
    EXPECT_PRED2(says, ask({authority->issue("/CN=localhost", "")}, "localhost"), "but for no host at all");
    EXPECT_PRED2(says, ask({good}, "a.b.wild.test"), "is not for this host");
    EXPECT_TRUE(server.requests().empty());
}

TEST_F(TlsTest, AnExpiredCertificateIsRefusedAndSaysWhenItExpired) {
    EXPECT_PRED2(says, ask({authority->issue("/CN=old", "IP:127.0.0.1", -1)}),
                 "that of CN=old has expired on ");
    EXPECT_TRUE(server.requests().empty());
}

TEST_F(TlsTest, AnUnknownIssuerIsRefusedAndNamed) {
    CertificateAuthority stranger("A Stranger");
    EXPECT_PRED2(says, ask({stranger.issue("/CN=x", "IP:127.0.0.1")}),
                 "that of CN=x is issued by CN=A Stranger, whom nothing here trusts");
    files.caFile.clear();
    EXPECT_PRED2(says, ask({good}), "whom nothing here trusts; give its certificate with --ca-file");
    EXPECT_TRUE(server.requests().empty());
}

TEST_F(TlsTest, AClientShowsItsCertificateWhereTheServerWantsOne) {
    const auto mine = authority->issue("/CN=me", "");
    files.certFile = mine.file;
    files.keyFile = mine.key;
    EXPECT_EQ("hello", ask({good, authority->file()}));
    EXPECT_EQ("hello", ask({good, authority->file(), TLS1_2_VERSION}));
}

TEST_F(TlsTest, AServerThatRefusesTheClientSaysWhatIsWrong) {
    EXPECT_PRED2(says, ask({good, authority->file()}), "it wants a client's certificate; give --cert-file");
    CertificateAuthority stranger("A Stranger");
    const auto mine = stranger.issue("/CN=me", "");
    files.certFile = mine.file;
    files.keyFile = mine.key;
    EXPECT_PRED2(says, ask({good, authority->file()}), "it does not accept the certificate of --cert-file");
    const auto old = authority->issue("/CN=me", "", -1);
    files.certFile = old.file;
    files.keyFile = old.key;
    EXPECT_PRED2(says, ask({good, authority->file()}), "the certificate of --cert-file has expired");
    EXPECT_TRUE(server.requests().empty());
}

TEST_F(TlsTest, OldVersionsAreNotSpoken) {
    EXPECT_EQ("hello", ask({good, "", TLS1_2_VERSION}));
    EXPECT_PRED2(says, ask({good, "", TLS1_1_VERSION}), "neither TLS 1.2 nor a later one");
}

TEST_F(TlsTest, AServerWithoutTlsIsToldApart) {
    const UniqueFd listener = test::listenOn("127.0.0.1");
    std::thread plain([&] {
        UniqueFd peer;
        EXPECT_TRUE(test::eventually([&] { return static_cast<bool>(peer = test::acceptFrom(listener)); }));
        test::sendAll(peer, "HTTP/1.1 400 Bad Request\r\n\r\n");
        test::Received hello;
        EXPECT_TRUE(test::eventually([&] {
            hello.poll(peer);
            return !hello.open();
        }));
    });
    {
        HttpClient client({"127.0.0.1", test::portOf(listener.get()), "", files}, interrupt);
        const auto answer = client.get("/", "", in(10s));
        ASSERT_FALSE(answer.ok());
        EXPECT_PRED2(says, answer.error().message, "the server does not speak TLS");
    }
    plain.join();
}

TEST_F(TlsTest, FilesAreReadAgainForEachConnection) {
    const std::string path = authority->file() + ".linked";
    files.caFile = path;
    const TlsFront front(server.port(), {good});
    HttpClient client(originOf(front), interrupt);
    CertificateAuthority stranger("A Stranger");
    std::filesystem::copy_file(stranger.file(), path, std::filesystem::copy_options::overwrite_existing);
    EXPECT_FALSE(client.get("/", "", in(10s)).ok());
    std::filesystem::copy_file(authority->file(), path, std::filesystem::copy_options::overwrite_existing);
    EXPECT_TRUE(client.get("/", "", in(10s)).ok());
    std::filesystem::remove(path);
    EXPECT_TRUE(client.get("/", "", in(10s)).ok()) << "the connection is kept";
    EXPECT_EQ(2, front.connections());
}

TEST_F(TlsTest, FilesThatAreNoUseAreNamed) {
    const auto check = [](const TlsFiles& files) {
        const auto error = (*tlsFunctions())->check(files);
        return error ? error->message : "";
    };
    const auto mine = authority->issue("/CN=me", "");
    EXPECT_EQ("", check({authority->file(), mine.file, mine.key}));
    EXPECT_EQ("", check({}));
    EXPECT_EQ("--ca-file /nowhere: No such file or directory", check({"/nowhere"}));
    EXPECT_PRED2(says, check({mine.key}), "--ca-file " + mine.key + ": holds no certificate in PEM form");
    EXPECT_EQ("--cert-file is of no use without --key-file", check({"", mine.file}));
    EXPECT_EQ("--key-file is of no use without --cert-file", check({"", "", mine.key}));
    EXPECT_PRED2(says, check({"", mine.key, mine.key}), "holds no certificate in PEM form");
    EXPECT_PRED2(says, check({"", mine.file, mine.file}), "holds no key in PEM form");
    EXPECT_EQ("--key-file " + good.key + ": is not the key of --cert-file " + mine.file,
              check({"", mine.file, good.key}));
}

TEST_F(TlsTest, AHandshakeThatStallsEndsAtTheDeadlineOrWhenInterrupted) {
    for (const std::size_t bytes : {0U, 3U, 200U}) {
        const TlsFront front(server.port(), {.certificate = good, .stallAfter = bytes});
        HttpClient client(originOf(front), interrupt);
        const auto answer = client.get("/", "", in(100ms));
        ASSERT_FALSE(answer.ok());
        EXPECT_PRED2(says, answer.error().message, "no answer in time");
    }
    const TlsFront front(server.port(), {.certificate = good, .stallAfter = 3});
    HttpClient client(originOf(front), interrupt);
    const Instant start = Clock::system().now();
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return front.sent() > 0; }));
        interrupt.raise();
    });
    EXPECT_FALSE(client.get("/", "", in(60s)).ok());
    EXPECT_LT(Clock::system().now() - start, HttpClient::kConnectTimeout);
    other.join();
}

TEST_F(TlsTest, AnAnswerThatStallsWithinARecordEndsAtTheDeadlineOrWhenInterrupted) {
    std::size_t whole = 0;
    {
        const TlsFront front(server.port(), {good});
        HttpClient client(originOf(front), interrupt);
        ASSERT_TRUE(client.get("/", "", in(10s)).ok());
        whole = front.sent();
    }
    // One byte less is the last record cut short: it is readable, and still does not come to anything.
    const TlsFront front(server.port(), {.certificate = good, .stallAfter = whole - 20});
    HttpClient client(originOf(front), interrupt);
    const auto answer = client.get("/", "", in(300ms));
    ASSERT_FALSE(answer.ok());
    EXPECT_PRED2(says, answer.error().message, "no answer in time");

    HttpClient another(originOf(front), interrupt);
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return server.requests().size() == 3; }));
        interrupt.raise();
    });
    EXPECT_FALSE(another.get("/", "", in(60s)).ok());
    other.join();
}

TEST_F(TlsTest, ARequestThatStallsWithinARecordEndsAtTheDeadlineOrWhenInterrupted) {
    const TlsFront front(server.port(), {.certificate = good, .deafAfter = 100'000});
    HttpRequest request;
    request.method = "POST";
    // More than the kernel takes on both sides together.
    request.body.assign(64'000'000, 'x');
    HttpClient client(originOf(front), interrupt);
    const Instant start = Clock::system().now();
    const auto answer = client.request(request, in(test::patience(1s)));
    ASSERT_FALSE(answer.ok());
    EXPECT_PRED2(says, answer.error().message, "no answer in time");
    EXPECT_LT(Clock::system().now() - start, test::patience(10s));
    EXPECT_EQ(1, front.deaf());

    HttpClient another(originOf(front), interrupt);
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return front.deaf() == 2; }));
        interrupt.raise();
    });
    EXPECT_FALSE(another.request(request, in(60s)).ok());
    other.join();
    EXPECT_LT(Clock::system().now() - start, test::patience(30s));
    EXPECT_TRUE(server.requests().empty());
}

TEST_F(TlsTest, ABodyLargerThanARecordAndAConnectionUsedAgainComeThroughWhole) {
    const std::string big(1'000'000, 'x');
    const ScriptedHttpServer echo([](const Request& request, Peer& peer) { peer.answer(200, request.body); });
    const TlsFront front(echo.port(), {good});
    HttpClient client(originOf(front), interrupt);
    HttpRequest request;
    request.method = "POST";
    request.body = big;
    for (int i = 0; i < 3; ++i) {
        const auto answer = client.request(request, in(20s));
        ASSERT_TRUE(answer.ok()) << answer.error().message;
        EXPECT_TRUE(big == answer->body);
    }
    EXPECT_EQ(1, front.connections());
}

TEST_F(TlsTest, AConnectionThatTheServerClosedIsReplacedHoweverItWasClosed) {
    for (const bool abrupt : {false, true}) {
        const ScriptedHttpServer closing([](const Request&, Peer& peer) {
            peer.answer(200, "hello");
            peer.close();
        });
        const TlsFront front(closing.port(), {.certificate = good, .abrupt = abrupt});
        HttpClient client(originOf(front), interrupt);
        for (int i = 0; i < 3; ++i) {
            const auto answer = client.get("/", "", in(10s));
            ASSERT_TRUE(answer.ok()) << answer.error().message;
        }
    }
}

TEST_F(TlsTest, LinesOfAStreamComeAsTheyAreSent) {
    std::atomic<int> asked{0};
    const ScriptedHttpServer lines([&](const Request&, Peer& peer) {
        peer.startChunks();
        for (int sent = 0; sent < 3; ++sent) {
            while (asked == sent && peer.pause(1ms)) {
            }
            // Two lines in one record: the second makes nothing readable.
            peer.chunk("a\n" + std::to_string(sent) + "\n");
        }
        peer.hold();
    });
    const TlsFront front(lines.port(), {good});
    HttpStream stream(originOf(front), interrupt);
    ASSERT_TRUE(stream.open({}, 10s, in(10s)).ok());
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(stream.line(in(5ms))->has_value());
        ++asked;
        EXPECT_EQ("a", **stream.line(in(10s)));
        EXPECT_EQ(std::to_string(i), **stream.line(in(10s)));
    }
    interrupt.raise();
    EXPECT_FALSE(stream.line(in(60s))->has_value());
}

}  // namespace
}  // namespace leader::metadata
