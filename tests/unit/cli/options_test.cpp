#include "common/cli/options.h"

#include <gtest/gtest.h>

#include <sstream>

namespace leader::cli {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

enum class Fruit { kApple, kPear };

class OptionsTest : public testing::Test {
  protected:
    Options options() {
        Option tag{
            "tag", "T", "a tag", "", {}, true, [this](const std::string& value) -> std::optional<Error> {
                tags.push_back(value);
                return {};
            }};
        return {flag("exec", "replace", exec), text("engine", "URL", "where", engine),
                duration("grace-period",
                         "how long it may take, in so many words that they do not fit one line of it", grace),
                enumeration("fruit", {"apple", "pear"}, "which", fruit), tag};
    }

    Words parsed(const Words& words, const Environment& environment = {}) {
        const auto line = parse(options(), words, environment);
        EXPECT_TRUE(line.ok()) << line.error().message;
        return line->words;
    }

    std::string refused(const Words& words, const Environment& environment = {}) {
        const auto line = parse(options(), words, environment);
        EXPECT_FALSE(line.ok());
        return line.ok() ? "" : line.error().message;
    }

    bool exec = false;
    std::string engine = "default";
    Duration grace = 10s;
    Fruit fruit = Fruit::kApple;
    Words tags;
};

TEST_F(OptionsTest, StopAtTheFirstWordThatIsNone) {
    EXPECT_EQ((Words{"nginx", "-g", "daemon off;", "--exec"}),
              parsed({"--engine", "x", "nginx", "-g", "daemon off;", "--exec"}));
    EXPECT_FALSE(exec);
    EXPECT_EQ("x", engine);
}

TEST_F(OptionsTest, TwoDashesEndThemAndGoAway) {
    EXPECT_EQ((Words{"--exec", "--", "x"}), parsed({"--", "--exec", "--", "x"}));
    EXPECT_FALSE(exec);
}

TEST_F(OptionsTest, ASingleDashIsAWordOfTheCommand) {
    EXPECT_EQ((Words{"-"}), parsed({"-"}));
}

TEST_F(OptionsTest, OneDashOrTwoAndEqualsOrSpaceMeanTheSame) {
    for (const Words& words : {Words{"--grace-period", "2s"}, Words{"-grace-period", "2s"},
                               Words{"--grace-period=2s"}, Words{"-grace-period=2s"}}) {
        grace = 10s;
        parsed(words);
        EXPECT_EQ(Duration(2s), grace);
    }
}

TEST_F(OptionsTest, AValueMayLookLikeAnOptionAndHoldEqualsSigns) {
    parsed({"--engine", "--exec", "--tag=a=b"});
    EXPECT_EQ("--exec", engine);
    EXPECT_EQ(Words{"a=b"}, tags);
    EXPECT_FALSE(exec);
}

TEST_F(OptionsTest, TheLastOfSeveralWins) {
    parsed({"--engine=a", "--engine=b"});
    EXPECT_EQ("b", engine);
}

TEST_F(OptionsTest, FlagsCanBeSwitchedOff) {
    for (const std::string value : {"false", "0", "no", "off"}) {
        exec = true;
        parsed({"--exec=" + value});
        EXPECT_FALSE(exec) << value;
    }
    for (const std::string value : {"true", "1", "yes", "on"}) {
        exec = false;
        parsed({"--exec=" + value});
        EXPECT_TRUE(exec) << value;
    }
    EXPECT_EQ("--exec: 'maybe' is neither true nor false", refused({"--exec=maybe"}));
}

TEST_F(OptionsTest, ACountIsAWholeNumberBetweenItsBounds) {
    std::size_t number = 5;
    const Option option = count("most", "how many", 1, 10, number);
    for (const char* value : {"1", "10"}) {
        EXPECT_FALSE(option.set(value)) << value;
        EXPECT_EQ(value, std::to_string(number));
    }
    for (const char* value : {"0", "11", "-1", "1.5", "1x", "", "99999999999999999999999"}) {
        const auto error = option.set(value);
        ASSERT_TRUE(error) << value;
        EXPECT_EQ("'" + std::string(value) + "' is no whole number from 1 to 10", error->message);
    }
    EXPECT_EQ(10U, number);
}

TEST_F(OptionsTest, TheEnvironmentSetsThemAndTheCommandLineWins) {
    const Environment environment{
        {"LEADER_GRACE_PERIOD", "3s"}, {"LEADER_ENGINE", "e"}, {"LEADER_EXEC", "1"}};
    parsed({"--engine", "line"}, environment);
    EXPECT_EQ("line", engine);
    EXPECT_EQ(Duration(3s), grace);
    EXPECT_TRUE(exec);
}

TEST_F(OptionsTest, AListInTheEnvironmentHasCommasAndIsReplacedByTheCommandLine) {
    parsed({}, {{"LEADER_TAG", "a, b"}});
    EXPECT_EQ((Words{"a", "b"}), tags);
    tags.clear();
    parsed({"--tag", "c", "--tag", "d"}, {{"LEADER_TAG", "a,b"}});
    EXPECT_EQ((Words{"c", "d"}), tags);
}

TEST_F(OptionsTest, AnEmptyVariableCountsAsUnset) {
    parsed({}, {{"LEADER_GRACE_PERIOD", ""}});
    EXPECT_EQ(Duration(10s), grace);
}

TEST_F(OptionsTest, ABadVariableIsNamedUnlessTheCommandLineReplacesIt) {
    const Environment environment{{"LEADER_GRACE_PERIOD", "5"}};
    EXPECT_EQ("LEADER_GRACE_PERIOD: '5' is not a duration; write 500ms, 2s or 1m30s",
              refused({}, environment));
    parsed({"--grace-period", "1s"}, environment);
    EXPECT_EQ(Duration(1s), grace);
}

TEST_F(OptionsTest, HelpIsHeardBehindOptionsAndBesideBadVariables) {
    for (const char* word : {"-h", "--help", "-help"}) {
        const auto line = parse(options(), {"--engine", "x", word}, {{"LEADER_GRACE_PERIOD", "5"}});
        ASSERT_TRUE(line.ok());
        EXPECT_TRUE(line->help);
    }
    EXPECT_TRUE(parse(options(), {"-v"}, {})->version);
    EXPECT_FALSE(parse(options(), {"ls", "--help"}, {})->help);
}

TEST_F(OptionsTest, WhatIsUnknownOrIncompleteIsRefused) {
    EXPECT_EQ("unknown option --bogus", refused({"--bogus"}));
    EXPECT_EQ("unknown option -x", refused({"-x", "y"}));
    EXPECT_EQ("unknown option --eng", refused({"--eng", "x"})) << "no abbreviations";
    EXPECT_EQ("unknown option --Engine", refused({"--Engine", "x"}));
    EXPECT_EQ("unknown option --engine:x", refused({"--engine:x"}));
    EXPECT_EQ("--engine needs a value (URL)", refused({"--engine"}));
    EXPECT_EQ("--engine: the value is empty", refused({"--engine=", "x"}));
    EXPECT_EQ("--fruit: 'plum' is none of apple, pear", refused({"--fruit", "plum"}));
}

TEST_F(OptionsTest, CompletionGivesOptionsThenValuesThenNothing) {
    EXPECT_EQ("--exec\n--engine\n--grace-period\n--fruit\n--tag\n--help\n--version\n",
              completions(options(), {}));
    EXPECT_EQ("apple\npear\n", completions(options(), {"--fruit"}));
    EXPECT_EQ("", completions(options(), {"--engine"}));
    EXPECT_EQ("", completions(options(), {"--exec", "ls"}));
    EXPECT_NE("", completions(options(), {"--fruit", "pear"}));
}

TEST_F(OptionsTest, HelpShowsEachWithItsDefault) {
    grace = 90s;
    const std::string text = help("leader-x [OPTIONS]", "Does x.", options(), "Exit codes: 0.");
    for (const char* part :
         {"leader-x [OPTIONS]", "Does x.", "--engine URL", "default: default", "--exec", "default: 1m30s",
          "(default: off)", "--fruit WORD", "apple, pear", "--tag T", "repeatable", "Exit codes: 0."})
        EXPECT_NE(std::string::npos, text.find(part)) << part << "\n" << text;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(line.size(), 80U) << line;
        EXPECT_NE(' ', line.empty() ? '.' : line.back()) << line;
    }
}

}  // namespace
}  // namespace leader::cli
