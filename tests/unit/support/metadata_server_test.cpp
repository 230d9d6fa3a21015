#include "tests/support/metadata_server.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/StreamCopier.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/support/environment.h"
#include "tests/support/eventually.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;
using Poco::Net::HTTPClientSession;
using Poco::Net::HTTPRequest;
using Poco::Net::HTTPResponse;

struct Got {
    int status = 0;
    std::string body;
};

Got get(HTTPClientSession& session, const std::string& path, const std::string& accept = "application/json") {
    HTTPRequest request(HTTPRequest::HTTP_GET, path, HTTPRequest::HTTP_1_1);
    if (!accept.empty()) request.set("Accept", accept);
    session.sendRequest(request);
    HTTPResponse response;
    Got got;
    Poco::StreamCopier::copyToString(session.receiveResponse(response), got.body);
    got.status = response.getStatus();
    return got;
}

Got get(const MetadataServer& server, const std::string& path,
        const std::string& accept = "application/json") {
    HTTPClientSession session("127.0.0.1", server.port());
    session.setTimeout(Poco::Timespan(20, 0));
    return get(session, path, accept);
}

Answers local(int members = 1) {
    Environment environment;
    environment.addMembers(members);
    environment.container("web-app-1").address = "127.0.0.1";
    return environment.answers();
}

std::string pollPath(const std::string& old, int seconds) {
    return "/latest/version?wait=true&value=" + old + "&maxWait=" + std::to_string(seconds);
}

TEST(MetadataServer, AnswersInJsonOrTextAsAskedFor) {
    MetadataServer server(local());
    EXPECT_EQ("\"" + server.versionToken() + "\"", get(server, "/latest/version").body);
    EXPECT_EQ(server.versionToken(), get(server, "/latest/version", "").body);
    EXPECT_EQ("1", get(server, "/latest/self/container/create_index", "").body);
    EXPECT_EQ("2015-07-25\n2015-12-19\n2016-07-29\nlatest\n", get(server, "/", "").body);
}

TEST(MetadataServer, AnswersWhatItDoesNotKnowWith404) {
    MetadataServer server(local());
    const auto nothing = get(server, "/latest/nothing");
    EXPECT_EQ(404, nothing.status);
    EXPECT_EQ("{\"code\":404,\"message\":\"Not found\",\"type\":\"error\"}\n", nothing.body);
    const auto version = get(server, "/2014-01-01/self", "");
    EXPECT_EQ(404, version.status);
    EXPECT_EQ("Invalid version\n", version.body);
}

TEST(MetadataServer, SelfIsFoundBySourceAddressOnly) {
    MetadataServer stranger(Environment().addMembers(1).answers());
    EXPECT_EQ(404, get(stranger, "/latest/self").status);
    EXPECT_EQ(200, get(stranger, "/latest/containers").status);
    MetadataServer seen(Environment().addMembers(1).answers(), {.seenAs = "10.42.0.1"});
    EXPECT_EQ("web-app-1", get(seen, "/latest/self/container/name", "").body);
}

TEST(MetadataServer, ALongPollEndsWithAChange) {
    MetadataServer server(local());
    const auto old = server.versionToken();
    auto polled = std::async(std::launch::async, [&] { return get(server, pollPath(old, 60), "").body; });
    ASSERT_TRUE(eventually([&] { return server.waiting() == 1; }));
    server.reload(local(2));
    EXPECT_EQ(server.versionToken(), polled.get());
    EXPECT_NE(old, server.versionToken());
    EXPECT_EQ(1U, server.requests("/latest/version?wait"));
}

TEST(MetadataServer, ALongPollEndsAtMaxWait) {
    MetadataServer server(local());
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(server.versionToken(), get(server, pollPath(server.versionToken(), 1), "").body);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 1s);
}

TEST(MetadataServer, AnOldServerOrAnOldValueDoesNotWait) {
    MetadataServer server(local());
    EXPECT_NE("", get(server, pollPath("another", 60), "").body);
    EXPECT_NE("", get(server, "/latest/version?wait=true", "").body);
    MetadataServer old(local(), {.answersAtOnce = true});
    EXPECT_EQ(old.versionToken(), get(old, pollPath(old.versionToken(), 60), "").body);
}

TEST(MetadataServer, SixteenLongPollsAtOnceDoNotHoldUpItsEnd) {
    std::vector<std::future<void>> polls;
    {
        MetadataServer server(local());
        for (int i = 0; i < 16; ++i) {
            polls.push_back(
                std::async(std::launch::async, [&server, path = pollPath(server.versionToken(), 60)] {
                    try {
                        get(server, path);
                    } catch (const Poco::Exception&) {
                        // The end of the server is the end of the connection.
                    }
                }));
        }
        ASSERT_TRUE(eventually([&] { return server.waiting() == 16; }));
    }
    for (auto& poll : polls) EXPECT_EQ(std::future_status::ready, poll.wait_for(patience(5s)));
}

TEST(MetadataServer, ComesBackOnItsPortAndRefusesInBetween) {
    MetadataServer server(local());
    const auto port = server.port();
    HTTPClientSession kept("127.0.0.1", port);
    kept.setKeepAlive(true);
    EXPECT_EQ(200, get(kept, "/latest/self").status);
    server.stop();
    EXPECT_THROW(get(server, "/latest/self"), Poco::Net::ConnectionRefusedException);
    server.start();
    EXPECT_EQ(port, server.port());
    EXPECT_EQ(200, get(server, "/latest/self").status);
}

TEST(MetadataServer, CountsConnectionsRequestsAndBytes) {
    MetadataServer server(local());
    HTTPClientSession session("127.0.0.1", server.port());
    session.setKeepAlive(true);
    const auto body = get(session, "/latest/self").body;
    get(session, "/latest/self");
    EXPECT_EQ(1U, server.connections());
    EXPECT_EQ(2U, server.requests("/latest/self"));
    EXPECT_GE(server.bytesSent(), 2 * body.size());
    EXPECT_LE(server.bytesSent(), 2 * (body.size() + 400));
}

TEST(MetadataServer, FaultsHoldForTheirPathsOnly) {
    MetadataServer server(local());
    server.setFault(Fault::notFound().at("/self"));
    EXPECT_EQ(404, get(server, "/latest/self").status);
    EXPECT_EQ(200, get(server, "/latest/containers").status);
    server.setFault({});
    EXPECT_EQ(200, get(server, "/latest/self").status);
}

TEST(MetadataServer, ClosesHalfWay) {
    MetadataServer server(local());
    const auto whole = get(server, "/latest/self").body;
    server.setFault(Fault::closeHalfWay());
    EXPECT_EQ(whole.substr(0, whole.size() / 2), get(server, "/latest/self").body);
}

TEST(MetadataServer, AnswersWithGarbage) {
    MetadataServer server(local());
    server.setFault(Fault::garbage());
    EXPECT_THROW(get(server, "/latest/self"), Poco::Net::MessageException);
}

TEST(MetadataServer, ClosesAConnectionItPromisedToKeep) {
    MetadataServer server(local());
    server.setFault(Fault::closeAfterAnswer());
    HTTPClientSession session("127.0.0.1", server.port());
    session.setKeepAlive(true);
    EXPECT_EQ(200, get(session, "/latest/self").status);
    EXPECT_TRUE(session.socket().poll(Poco::Timespan(5, 0), Poco::Net::Socket::SELECT_READ));
    EXPECT_EQ(0, session.socket().available());
}

TEST(MetadataServer, SendsMoreThanTheLimit) {
    MetadataServer server(local());
    server.setFault(Fault::oversizedLength());
    EXPECT_EQ(Fault::kBodyLimit + 1, get(server, "/latest/self").body.size());
    server.setFault(Fault::oversizedChunked());
    EXPECT_LT(Fault::kBodyLimit, get(server, "/latest/self").body.size());
}

TEST(MetadataServer, HangsUntilTheFaultIsLifted) {
    MetadataServer server(local());
    server.setFault(Fault::hang());
    auto asked = std::async(std::launch::async, [&] { return get(server, "/latest/self"); });
    ASSERT_TRUE(eventually([&] { return server.requests("/latest/self") == 1; }));
    EXPECT_EQ(std::future_status::timeout, asked.wait_for(50ms));
    server.setFault({});
    EXPECT_THROW(asked.get(), Poco::Net::NoMessageException);
}

TEST(MetadataServer, TricklesTheWholeAnswer) {
    MetadataServer server(local());
    const auto whole = get(server, "/latest/version").body;
    server.setFault(Fault::trickle(1ms));
    EXPECT_EQ(whole, get(server, "/latest/version").body);
}

}  // namespace
}  // namespace leader::test
