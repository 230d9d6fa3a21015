// Whatever the metadata says or fails to say: one clear line, and nobody becomes leader by it.

#include <gtest/gtest.h>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;
using Poco::Dynamic::Var;

struct BadServer {
    const char* name;
    Fault fault;
    /// What the one line has to say.
    const char* says;
};

void PrintTo(const BadServer& bad, std::ostream* out) {
    *out << bad.name;
}

std::vector<BadServer> badServers() {
    return {
        {"ClosesHalfWay", Fault::closeHalfWay(), "closed"},
        {"Answers404", Fault::notFound(), "404|not known|no container"},
        {"Answers404InText", Fault::answer(404, "Not found\n"), "404|not known|no container"},
        {"Answers500", Fault::answer(500, "Internal Server Error\n"), "500"},
        {"AnswersHtml", Fault::html(), "JSON"},
        {"AnswersNull", Fault::answer(200, "null"), "null|object|container"},
        {"AnswersAnEmptyObject", Fault::answer(200, "{}"), "container|array"},
        {"AnswersAnEmptyArray", Fault::answer(200, "[]"), "object|no container|not among"},
        {"AnswersAString", Fault::answer(200, "\"latest\""), "JSON|object|array"},
        {"AnswersNothing", Fault::answer(200, ""), "JSON|empty"},
        {"AnswersTruncatedJson", Fault::answer(200, R"([{"uuid": "a", "create_index": 1)"), "JSON"},
        {"AnswersDeepArrays", Fault::deepArrays(), "JSON|deep|nest|object"},
        {"AnswersDeepObjects", Fault::deepObjects(), "JSON|deep|nest|array"},
        {"AnswersTheErrorObjectWith200",
         Fault::answer(200, R"({"code":404,"message":"Not found","type":"error"})"), "container|array"},
        {"AnswersTooMuchInChunks", Fault::oversizedChunked(), "64 MiB"},
        {"AnswersTooMuchAnnounced", Fault::oversizedLength(), "64 MiB"},
        {"SpeaksNoHttp", Fault::garbage(), "HTTP"},
    };
}

class BadServerTest : public ::testing::TestWithParam<BadServer> {};

TEST_P(BadServerTest, IsOneLineAndNobodyLeads) {
    // Where the service is read from differs by shape, and so does where the fault strikes.
    struct Place {
        const char* what;
        std::optional<Environment::Shape> shape;
        const char* path;
    };
    for (const Place& place : {Place{"everything", {}, ""}, Place{"self", {}, "/self"},
                               Place{"containers", Environment::Shape::kNames, "/containers"}}) {
        SCOPED_TRACE(place.what);
        Environment environment = service(2, 1);
        if (place.shape) environment.shape(*place.shape);
        MetadataServer server(environment.answers());
        server.setFault(GetParam().fault.at(place.path));
        const auto ended = checkInVain(server.url());
        EXPECT_EQ(3, ended.code);
        EXPECT_TRUE(oneLine(ended.errors, GetParam().says));
        EXPECT_GT(600U, ended.errors.size()) << ended.errors.substr(0, 600);
    }
}

TEST_P(BadServerTest, NeverStartsTheCommandAndDoesOnceItIsWell) {
    MetadataServer server(service(2, 1).answers());
    server.setFault(GetParam().fault);
    Process process(run(server.url(), {"--log-level", "warning"}));
    ASSERT_TRUE(eventually([&] { return server.requests() >= 4; }, 30s));
    EXPECT_EQ(0, starts(process));
    EXPECT_TRUE(oneLine(process.errors(), GetParam().says));
    server.setFault({});
    EXPECT_TRUE(process.waitForOutput("^started 1$", 20s)) << process.errors();
}

INSTANTIATE_TEST_SUITE_P(Servers, BadServerTest, ::testing::ValuesIn(badServers()),
                         [](const auto& each) { return each.param.name; });

TEST(BadServer, ThatRefusesIsOneLineAndNobodyLeads) {
    MetadataServer server(service(2, 1).answers());
    server.stop();
    const auto ended = checkInVain(server.url());
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "refused"));
    Process process(run(server.url(), {"--log-level", "warning"}));
    ASSERT_TRUE(process.waitForErrors("refused"));
    EXPECT_EQ(0, starts(process));
    server.start();
    EXPECT_TRUE(process.waitForOutput("^started 1$", 20s));
    EXPECT_TRUE(oneLine(process.errors(), "refused"));
}

TEST(BadServer, ThatHangsIsOneLineAndNobodyLeads) {
    MetadataServer server(service(2, 1).answers());
    server.setFault(Fault::hang());
    const auto ended = check(server.url(), {"--timeout", "1s"});
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "no answer|time"));
    Process process(run(server.url(), {"--log-level", "warning"}));
    ASSERT_TRUE(process.waitForErrors("no answer|time", 30s));
    EXPECT_EQ(0, starts(process));
    server.setFault({});
    EXPECT_TRUE(process.waitForOutput("^started 1$", 20s));
}

TEST(BadServer, ThatTricklesIsGivenUpInTime) {
    MetadataServer server(service(2, 1).answers());
    server.setFault(Fault::trickle(100ms));
    const auto ended = check(server.url(), {"--timeout", "1s"});
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "no answer|time"));
}

TEST(BadServer, WhoseNameIsUnknownIsOneLineAndNobodyLeads) {
    const auto ended = checkInVain("http://no-such-host.invalid/");
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "no-such-host.invalid"));
}

TEST(BadServer, ThatClosesKeptConnectionsIsNoFailureAtAll) {
    MetadataServer server(service(2, 1).shape(Environment::Shape::kNames).answers());
    server.setFault(Fault::closeAfterAnswer());
    const auto ended = check(server.url());
    EXPECT_EQ(0, ended.code);
    EXPECT_EQ("", ended.errors);
}

struct BadIndex {
    const char* name;
    Var value;
};

void PrintTo(const BadIndex& bad, std::ostream* out) {
    *out << bad.name;
}

class BadCreateIndex : public ::testing::TestWithParam<BadIndex> {
  protected:
    static Environment environment(int self) {
        Environment out = service(2, self);
        if (std::string(GetParam().name) == "Missing") {
            out.container("web-app-1").without = {"create_index"};
        } else {
            out.container("web-app-1").createIndex = GetParam().value;
        }
        return out;
    }
    static bool isNull() {
        return std::string(GetParam().name) == "Missing" || std::string(GetParam().name) == "Null";
    }
};

TEST_P(BadCreateIndex, OfItsOwnNeverMakesAMemberLeader) {
    for (const auto shape : {Environment::Shape::kNames, Environment::Shape::kObjects}) {
        MetadataServer server(environment(1).shape(shape).answers());
        const auto ended = checkInVain(server.url());
        EXPECT_EQ(3, ended.code);
        EXPECT_TRUE(oneLine(ended.errors, "create.index"));
    }
    MetadataServer server(environment(1).answers());
    Process process(run(server.url()));
    ASSERT_TRUE(process.waitForErrors("create.index"));
    server.reload(service(2, 1).answers());
    EXPECT_TRUE(process.waitForOutput("^started 1$", 20s));
    EXPECT_EQ(1, starts(process));
}

TEST_P(BadCreateIndex, OfAnotherMemberIsNotGuessed) {
    MetadataServer server(environment(2).answers());
    const auto ended = isNull() ? check(server.url()) : checkInVain(server.url());
    if (isNull()) {
        // Such a container is none of the candidates.
        EXPECT_EQ(0, ended.code);
    } else {
        EXPECT_EQ(3, ended.code);
        EXPECT_TRUE(oneLine(ended.errors, "create_index"));
    }
}

TEST_P(BadCreateIndex, InAFileIsOneLineAndNobodyLeads) {
    const TemporaryDirectory directory;
    saveAnswers(environment(1).answers(), directory / "answers.json");
    const auto ended = checkInVain("file:" + (directory / "answers.json"), {"--self", "web-app-1"});
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "create.index"));
}

constexpr std::uint64_t kTwoTo63 = std::uint64_t{1} << 63;
INSTANTIATE_TEST_SUITE_P(
    Values, BadCreateIndex,
    ::testing::Values(BadIndex{"Null", {}}, BadIndex{"Missing", {}}, BadIndex{"Negative", -1},
                      BadIndex{"Fraction", 1.5}, BadIndex{"Word", std::string("first")},
                      BadIndex{"TwoTo63", kTwoTo63},
                      BadIndex{"TwoTo63AsAString", std::string("9223372036854775808")},
                      BadIndex{"NegativeAsAString", std::string("-1")},
                      BadIndex{"EmptyString", std::string()}, BadIndex{"True", true},
                      BadIndex{"Object", Poco::JSON::Object::Ptr(new Poco::JSON::Object)}),
    [](const auto& each) { return each.param.name; });

TEST(BadMetadata, SelfAbsentFromItsOwnServiceIsOneLineAndNobodyLeads) {
    // By the containers' own word it is one of web/app; the list of the service does not have it.
    auto answers = service(2, 1).answers();
    for (const auto& version : answers->getNames()) {
        auto self = answers->getObject(version)->getObject("127.0.0.1")->getObject("self");
        Poco::JSON::Array::Ptr others = new Poco::JSON::Array;
        auto theirs = self->getObject("service")->getArray("containers");
        others->add(theirs->get(1));
        self->getObject("service")->set("containers", others);
    }
    MetadataServer server(answers);
    const auto ended = checkInVain(server.url());
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "00000000-0000-4000-8000-000000000001|web-app-1"));
    Process process(run(server.url()));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    EXPECT_EQ(0, starts(process));
    EXPECT_TRUE(process.waitForErrors("not among"));
    EXPECT_TRUE(oneLine(process.errors(), "unknown in web/app: this container"));
}

TEST(BadMetadata, AContainerWithoutAUuidIsNobody) {
    Environment environment = service(2, 1);
    environment.container("web-app-1").without = {"uuid"};
    MetadataServer server(environment.answers());
    const auto ended = checkInVain(server.url());
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "uuid"));
}

TEST(BadMetadata, ABadContainerOfAnotherServiceDisturbsNobody) {
    Environment environment = service(2, 1);
    auto broken = Container::number(3);
    broken.service = "other";
    broken.createIndex = std::string("broken");
    MetadataServer server(environment.add(broken).shape(Environment::Shape::kNames).answers());
    EXPECT_EQ(0, check(server.url()).code);
}

}  // namespace
}  // namespace leader::test
