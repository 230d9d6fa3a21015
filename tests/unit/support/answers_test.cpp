#include "tests/support/answers.h"

#include <gtest/gtest.h>

#include "tests/support/environment.h"

namespace leader::test {
namespace {

std::string textAt(const Answers& answers, const std::string& client, const std::vector<std::string>& path,
                   const std::string& version = "2016-07-29") {
    const auto found = findAnswer(answers, version, client, path);
    return found ? toText(*found) : "(none)";
}

class AnswersOf : public ::testing::Test {
  protected:
    AnswersOf() { mergeDefaults(two); }
    Answers two = Environment().addMembers(2).answers();
};

TEST_F(AnswersOf, ArraysAreWalkedByIndexNameAndUuid) {
    EXPECT_EQ("web-app-2", textAt(two, "10.42.0.1", {"containers", "1", "name"}));
    EXPECT_EQ("2", textAt(two, "10.42.0.1", {"containers", "web-app-2", "create_index"}));
    EXPECT_EQ("web-app-2",
              textAt(two, "10.42.0.1", {"containers", "00000000-0000-4000-8000-000000000002", "name"}));
    EXPECT_EQ("(none)", textAt(two, "10.42.0.1", {"containers", "2"}));
}

TEST_F(AnswersOf, ThePathIsTriedAgainInLowerCase) {
    EXPECT_EQ("2", textAt(two, "10.42.0.1", {"Containers", "WEB-app-2", "Create_Index"}));
}

TEST_F(AnswersOf, SelfIsTheClientsOwnAndNobodysForStrangers) {
    EXPECT_EQ("web-app-2", textAt(two, "10.42.0.2", {"self", "container", "name"}));
    EXPECT_EQ("(none)", textAt(two, "10.42.0.9", {"self", "container", "name"}));
    EXPECT_EQ("web-app-1", textAt(two, "10.42.0.9", {"containers", "0", "name"}));
}

TEST_F(AnswersOf, TheTextFormListsKeysWithASlashAfterContainers) {
    EXPECT_EQ("container/\nhost/\nservice/\nstack/\n", textAt(two, "10.42.0.1", {"self"}));
    EXPECT_EQ("0=web-app-1\n1=web-app-2\n", textAt(two, "10.42.0.1", {"containers"}));
    EXPECT_EQ("", textAt(two, "10.42.0.1", {"self", "container", "health_state"}));
}

TEST_F(AnswersOf, TheNewestVersionLowersNamesAndTheOldestListsThem) {
    Environment environment;
    auto container = Container::number(1);
    container.name = "Web-App-1";
    container.stack = "Web";
    const auto answers = environment.add(container).answers();
    EXPECT_EQ("web-app-1", textAt(answers, "10.42.0.1", {"self", "container", "name"}));
    EXPECT_EQ("web", textAt(answers, "10.42.0.1", {"self", "stack", "name"}));
    EXPECT_EQ("Web-App-1",
              textAt(answers, "10.42.0.1", {"self", "service", "containers", "0"}, "2015-07-25"));
    EXPECT_EQ("0=Web-App-1\n", textAt(answers, "10.42.0.1", {"self", "service", "containers"}, "2015-12-19"));
}

TEST_F(AnswersOf, LatestIsTheHighestVersionUnlessThereIsOneOfThatName) {
    EXPECT_EQ("2016-07-29", resolveVersion(two, "latest"));
    EXPECT_EQ("", resolveVersion(two, "2014-01-01"));
    EXPECT_EQ("latest", resolveVersion(Environment().versions({"latest", "2015-07-25"}).answers(), "latest"));
}

}  // namespace
}  // namespace leader::test
