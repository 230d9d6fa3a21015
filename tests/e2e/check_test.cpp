#include <gtest/gtest.h>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

using Shape = Environment::Shape;

TEST(Check, ExitsWith0AsLeader1AsFollower3WhereItCannotTell) {
    MetadataServer leading(service(3, 1).answers());
    MetadataServer following(service(3, 3).answers());
    MetadataServer unknown(service(3, 0).answers());
    EXPECT_EQ(0, check(leading.url()).code);
    EXPECT_EQ(1, check(following.url()).code);
    const auto cannotTell = checkInVain(unknown.url());
    EXPECT_EQ(3, cannotTell.code);
    EXPECT_TRUE(oneLine(cannotTell.errors, "--self"));
}

TEST(Check, IsSilentWhenItCanTell) {
    MetadataServer leading(service(3, 1).answers());
    const auto ended = check(leading.url());
    EXPECT_EQ("", ended.output);
    EXPECT_EQ("", ended.errors);
}

TEST(Check, TheAncestorsFormKnows0And1Only) {
    MetadataServer leading(service(3, 1).answers());
    MetadataServer following(service(3, 2).answers());
    for (const std::string form : {"--check", "-check"}) {
        SCOPED_TRACE(form);
        auto options = leader({form});
        options.environment["LEADER_ENGINE"] = leading.url();
        EXPECT_EQ(0, runToEnd(options).code);
        options.environment["LEADER_ENGINE"] = following.url();
        EXPECT_EQ(1, runToEnd(options).code);
    }
}

TEST(Check, WhatCannotBeToldIsNoLeadershipInTheAncestorsForm) {
    // This form has no --timeout: it takes the 30 s of its default.
    MetadataServer unknown(service(3, 0).answers());
    auto options = leader({"--check"});
    options.environment["LEADER_ENGINE"] = unknown.url();
    const auto ended = runToEnd(options, std::chrono::seconds(90));
    EXPECT_EQ(1, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "--self"));
}

TEST(Check, GoesByTheNameItIsCalledBy) {
    const TemporaryDirectory directory;
    MetadataServer following(service(3, 2).answers());
    const std::vector<std::string> rest = {"--engine", following.url()};
    std::filesystem::create_symlink(leaderBinary(), directory / "leader-check");
    Process bySymlink({.command = {directory / "leader-check", rest[0], rest[1]}});
    EXPECT_EQ(1, bySymlink.exitCode());
    Process byName({.command = {leaderBinary(), rest[0], rest[1]}, .name = "/usr/bin/leader-check"});
    EXPECT_EQ(1, byName.exitCode());
    EXPECT_EQ(1, runToEnd(leader({"check"}, following.url())).code);
    EXPECT_EQ(1, runToEnd(leader({"leader-check"}, following.url())).code);
}

TEST(Check, TakesItsOptionsFromTheEnvironmentAndTheCommandLineWins) {
    MetadataServer leading(service(3, 1).answers());
    MetadataServer following(service(3, 3).answers());
    auto options = leader({"check"});
    options.environment["LEADER_ENGINE"] = following.url();
    EXPECT_EQ(1, runToEnd(options).code);
    options.command.insert(options.command.end(), {"--engine", leading.url()});
    EXPECT_EQ(0, runToEnd(options).code);
}

class CheckOfShapes : public ::testing::TestWithParam<Shape> {};

TEST_P(CheckOfShapes, TellsTheSameInEveryVersion) {
    MetadataServer leading(service(3, 1).shape(GetParam()).answers());
    MetadataServer following(service(3, 2).shape(GetParam()).answers());
    for (const std::string version : {"", "2015-07-25", "2015-12-19", "2016-07-29", "latest"}) {
        SCOPED_TRACE(version);
        EXPECT_EQ(0, check(leading.url(version)).code);
        EXPECT_EQ(1, check(following.url(version)).code);
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CheckOfShapes,
                         ::testing::Values(Shape::kAbsent, Shape::kNames, Shape::kObjects),
                         [](const auto& each) {
                             return each.param == Shape::kAbsent  ? "Absent"
                                    : each.param == Shape::kNames ? "Names"
                                                                  : "Objects";
                         });

TEST(Check, TakesTheNewestVersionThatTheServerKnows) {
    for (const std::vector<std::string>& known :
         {std::vector<std::string>{"2015-07-25"}, {"2015-07-25", "2015-12-19"}}) {
        MetadataServer server(service(2, 1).versions(known).answers());
        EXPECT_EQ(0, check(server.url()).code);
        EXPECT_LT(0U, server.requests("/" + known.back() + "/self"));
    }
    MetadataServer newer(service(2, 1).versions({"2099-01-01"}).answers());
    EXPECT_EQ(0, check(newer.url("2099-01-01")).code);
    EXPECT_TRUE(oneLine(checkInVain(newer.url()).errors, "version"));
    const auto unknown = checkInVain(newer.url("2015-12-19"));
    EXPECT_EQ(3, unknown.code);
    EXPECT_TRUE(oneLine(unknown.errors, "2015-12-19"));
}

TEST(Check, WaitsForASelfThatIsNotThereYet) {
    Environment environment = service(2, 1);
    environment.container("web-app-1").hostNetworked = true;
    MetadataServer server(environment.answers());
    Process process(leader({"check", "--timeout", "20s"}, server.url()));
    ASSERT_TRUE(eventually([&] { return server.requests() >= 2; }));
    EXPECT_TRUE(process.running());
    environment.container("web-app-1").hostNetworked = false;
    server.reload(environment.answers());
    EXPECT_EQ(0, process.exitCode()) << process.errors();
}

TEST(Check, ASelfWithNothingButAHostIsNobody) {
    MetadataServer server(service(2, 0).hostForStrangers().answers());
    const auto ended = checkInVain(server.url());
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "self"));
}

TEST(Check, SelfMayBeAUuidANameOrAnAddress) {
    MetadataServer server(service(2, 0).answers());
    for (const std::string version : {"2015-07-25", "2016-07-29"}) {
        for (const std::string id : {"00000000-0000-4000-8000-000000000001", "web-app-1", "10.42.0.1"}) {
            EXPECT_EQ(0, check(server.url(version), {"--self", id}).code) << version << " " << id;
        }
        EXPECT_EQ(1, check(server.url(version), {"--self", "web-app-2"}).code) << version;
        const auto nobody = checkInVain(server.url(version), {"--self", "web-app-9"});
        EXPECT_EQ(3, nobody.code);
        EXPECT_TRUE(oneLine(nobody.errors, "web-app-9"));
    }
}

TEST(Check, OfTwoContainersWithOneAddressTheUuidDecides) {
    Environment environment = service(2, 2);
    environment.container("web-app-1").address = "127.0.0.1";
    environment.container("web-app-1").hostNetworked = true;
    MetadataServer server(environment.answers());
    EXPECT_EQ(1, check(server.url()).code);
    const auto ambiguous = checkInVain(server.url(), {"--self", "127.0.0.1"});
    EXPECT_EQ(3, ambiguous.code);
    EXPECT_TRUE(oneLine(ambiguous.errors, "uuid"));
}

TEST(Check, OfTwoWithOneCreateIndexTheLowerUuidLeads) {
    for (const int self : {1, 2}) {
        Environment environment = service(2, self);
        environment.container("web-app-1").createIndex = 7;
        environment.container("web-app-2").createIndex = 7;
        MetadataServer server(environment.answers());
        EXPECT_EQ(self - 1, check(server.url()).code);
    }
}

TEST(Check, ADecimalStringIsACreateIndexAndNumbersAreNotComparedAsText) {
    Environment environment = service(2, 2);
    environment.container("web-app-1").createIndex = std::string("10");
    environment.container("web-app-2").createIndex = std::string("9");
    MetadataServer server(environment.answers());
    EXPECT_EQ(0, check(server.url()).code);
}

TEST(Check, ContainersThatAreGoneDoNotCount) {
    for (const std::string gone : {"stopped", "stopping", "removed", "removing", "purged", "purging", "error",
                                   "erroring", "Stopped"}) {
        Environment environment = service(2, 2);
        environment.container("web-app-1").state = gone;
        MetadataServer server(environment.answers());
        EXPECT_EQ(0, check(server.url()).code) << gone;
    }
    for (const std::string there : {"running", "starting", "updating-running", "some-day-invented", ""}) {
        Environment environment = service(2, 2);
        environment.container("web-app-1").state = there;
        MetadataServer server(environment.answers());
        EXPECT_EQ(1, check(server.url()).code) << there;
    }
}

TEST(Check, AnUpgradePassesLeadershipToTheNewGeneration) {
    Environment environment = service(4, 3);
    MetadataServer server(environment.answers());
    EXPECT_EQ(1, check(server.url()).code);
    environment.container("web-app-1").state = std::string("stopped");
    environment.container("web-app-2").state = std::string("stopping");
    server.reload(environment.answers());
    EXPECT_EQ(0, check(server.url()).code);
}

TEST(Check, HealthCountsOnlyWhereAskedFor) {
    Environment environment = service(2, 2);
    environment.container("web-app-1").health = std::string("unhealthy");
    MetadataServer server(environment.answers());
    EXPECT_EQ(1, check(server.url()).code);
    EXPECT_EQ(0, check(server.url(), {"--healthy-only"}).code);
    environment.container("web-app-1").health = std::string("initializing");
    server.reload(environment.answers());
    EXPECT_EQ(1, check(server.url(), {"--healthy-only"}).code);
}

TEST(Check, ServicesOfOneNameInTwoStacksElectEachTheirOwn) {
    for (const Shape shape : {Shape::kAbsent, Shape::kObjects}) {
        Environment environment;
        environment.addMembers(2);
        auto other = Container::number(3);
        other.stack = "shop";
        other.name = "shop-app-1";
        other.address = "127.0.0.1";
        MetadataServer server(environment.add(other).shape(shape).answers());
        EXPECT_EQ(0, check(server.url()).code);
    }
}

TEST(Check, ServicesOfOneNameAndTwoUuidsElectEachTheirOwn) {
    Environment environment;
    environment.addMembers(2);
    auto other = Container::number(3);
    other.serviceUuid = "service-of-another-environment";
    other.address = "127.0.0.1";
    MetadataServer server(environment.add(other).shape(Shape::kAbsent).answers());
    EXPECT_EQ(0, check(server.url()).code);
}

TEST(Check, ASidekickElectsAmongItsOwnKind) {
    Environment environment = service(2, 1);
    for (const int n : {3, 4}) {
        auto sidekick = Container::number(n);
        sidekick.service = "backup";
        sidekick.serviceUuid = "service-web-app";
        sidekick.name = "web-app-backup-" + std::to_string(n);
        environment.add(sidekick);
    }
    for (const Shape shape : {Shape::kAbsent, Shape::kNames, Shape::kObjects}) {
        MetadataServer server(environment.shape(shape).answers());
        EXPECT_EQ(0, check(server.url(), {"--self", "web-app-1"}).code);
        EXPECT_EQ(0, check(server.url(), {"--self", "web-app-backup-3"}).code);
        EXPECT_EQ(1, check(server.url(), {"--self", "web-app-backup-4"}).code);
    }
}

TEST(Check, AContainerWithoutAServiceCannotLead) {
    Environment environment = service(1, 0);
    Container alone;
    alone.name = "alone";
    alone.uuid = "00000000-0000-4000-8000-0000000000aa";
    alone.address = "127.0.0.1";
    alone.service = "";
    MetadataServer server(environment.add(alone).answers());
    const auto ended = checkInVain(server.url());
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "alone"));
}

TEST(Check, AnotherServiceCanBeLookedAt) {
    Environment environment = service(2, 1);
    for (const std::string stack : {"shop", "blog"}) {
        auto database = Container::number(stack == "shop" ? 5 : 6);
        database.stack = stack;
        database.service = "database";
        database.name = stack + "-database-1";
        environment.add(database);
    }
    MetadataServer server(environment.answers());
    EXPECT_EQ(1, check(server.url(), {"--service", "shop/database"}).code);
    EXPECT_EQ(1, check(server.url(), {"--service", "SHOP/Database"}).code);
    EXPECT_EQ(0, check(server.url(), {"--service", "web/app"}).code);
    const auto ambiguous = checkInVain(server.url(), {"--service", "database"});
    EXPECT_EQ(3, ambiguous.code);
    EXPECT_TRUE(oneLine(ambiguous.errors, "STACK/SERVICE"));
    const auto nobody = checkInVain(server.url(), {"--service", "nobody"});
    EXPECT_EQ(3, nobody.code);
    EXPECT_TRUE(oneLine(nobody.errors, "nobody"));
}

TEST(Check, FiveOfTenThousandContainersAreFoundInEveryShape) {
    Environment environment = service(5, 1);
    environment.addCrowd(9995);
    for (const Shape shape : {Shape::kNames, Shape::kObjects}) {
        MetadataServer server(environment.versions({Environment::kMiddle}).shape(shape).answers());
        EXPECT_EQ(0, check(server.url()).code);
        if (shape == Shape::kObjects) {
            EXPECT_GT(16U * 1024, server.bytesSent());
        }
    }
}

class CheckOfTheRealEnvironment : public ::testing::Test {
  protected:
    void SetUp() override {
        path_ = realAnswers();
        if (!path_) GTEST_SKIP() << "no rancher-answers.json at hand: set LEADER_TEST_DATA to its directory";
    }
    std::optional<std::string> path_;
};

TEST_F(CheckOfTheRealEnvironment, ServedItsOneServiceHasItsOneMemberForALeader) {
    for (const std::string version : {"", "2015-07-25", "2015-12-19", "latest"}) {
        SCOPED_TRACE(version);
        MetadataServer member(loadAnswers(*path_), {.seenAs = "10.42.75.49"});
        EXPECT_EQ(0, check(member.url(version)).code);
        MetadataServer agent(loadAnswers(*path_), {.seenAs = "10.42.185.183"});
        const auto ended = checkInVain(agent.url(version));
        EXPECT_EQ(3, ended.code);
        EXPECT_TRUE(oneLine(ended.errors, "Network Agent"));
        MetadataServer stranger(loadAnswers(*path_), {.seenAs = "10.42.1.1"});
        EXPECT_EQ(3, checkInVain(stranger.url(version)).code);
    }
}

TEST_F(CheckOfTheRealEnvironment, AsAFileItTellsTheSame) {
    const std::string engine = "file:" + *path_;
    EXPECT_EQ(0, check(engine, {"--self", "10.42.75.49"}).code);
    EXPECT_EQ(0, check(engine, {"--self", "57ad0af4-01a9-44cb-862c-0e2ed80c6bdb"}).code);
    EXPECT_EQ(0, check(engine, {"--self", "Default_alena_1"}).code);
    EXPECT_EQ(3, checkInVain(engine, {"--self", "Network Agent"}).code);
    EXPECT_EQ(3, checkInVain(engine).code);
}

}  // namespace
}  // namespace leader::test
