// What bash offers at the Tab key.

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

// Takes a line apart as bash does, at blanks and at = and :, and calls what is registered for its first word.
const char* const kComplete = R"(
shopt -s extglob
. "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=() rest=$2
while [[ $rest =~ ^[\ ]*([=:]+|[^\ =:]+)(.*)$ ]]; do COMP_WORDS+=("${BASH_REMATCH[1]}"); rest=${BASH_REMATCH[2]}; done
[[ $2 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
registered=$(complete -p "${COMP_WORDS[0]}") || exit 1
[[ $registered == *'-o default'* ]] || exit 1
$(sed 's/.*-F \([^ ]*\).*/\1/' <<<"$registered")
printf '%s\n' "${COMPREPLY[@]}"
)";

class Completion : public ::testing::Test {
  protected:
    Completion() {
        for (const char* name : {"leader", "leader-run", "leader-check", "leader-proxy"}) {
            std::filesystem::create_symlink(leaderBinary(), bin_ / name);
            std::filesystem::create_symlink(sourceFile("cmd/leader.bash"), completions_ / name);
        }
        writeFile(bin_ / "my-service", "#!/bin/sh\n");
        std::filesystem::permissions(bin_ / "my-service", std::filesystem::perms::owner_all);
    }

    /// Sorted, with blanks between.
    std::string after(const std::string& line) const {
        Process::Options options;
        const std::string program = line.substr(0, line.find(' '));
        options.command = {"bash", "--norc", "-c", kComplete, "bash", completions_ / program, line};
        options.environment["PATH"] = (bin_ / "") + ":" + std::getenv("PATH");
        const auto ended = runToEnd(options);
        EXPECT_EQ(0, ended.code) << line;
        EXPECT_EQ("", ended.errors) << line;
        std::istringstream lines(ended.output);
        std::vector<std::string> words;
        for (std::string word; lines >> word;) words.push_back(word);
        std::sort(words.begin(), words.end());
        std::string all;
        for (const auto& word : words) all += (all.empty() ? "" : " ") + word;
        return all;
    }

    bool offers(const std::string& line, const std::string& word) const {
        return (" " + after(line) + " ").find(" " + word + " ") != std::string::npos;
    }

    TemporaryDirectory bin_;
    TemporaryDirectory completions_;
};

TEST_F(Completion, OffersAppletsAndOptionsFirst) {
    for (const char* word : {"run", "check", "proxy", "help", "--engine", "--check", "--help"})
        EXPECT_TRUE(offers("leader ", word)) << word;
    EXPECT_FALSE(offers("leader ", "my-service")) << "all commands would drown them";
    EXPECT_EQ("check", after("leader help ch"));
}

TEST_F(Completion, OffersTheOptionsOfTheApplet) {
    EXPECT_EQ("--max-connections --max-stale", after("leader run --ma"));
    EXPECT_EQ("--max-stale", after("leader-run --settle 5s --max-s"));
    EXPECT_EQ("--timeout", after("leader check --engine http://rancher-metadata:80/latest --ti"));
    EXPECT_EQ("", after("leader-check --grace"));
}

TEST_F(Completion, OffersTheValuesOfAnOption) {
    EXPECT_EQ("exit keep stand-down", after("leader run --on-loss "));
    EXPECT_EQ("stand-down", after("leader --on-loss st"));
    EXPECT_EQ("exit keep stand-down", after("leader run --on-loss="));
    EXPECT_EQ("stand-down", after("leader-run --on-loss=st"));
    EXPECT_EQ("", after("leader run --engine file:/et")) << "file names are bash's to find";
}

TEST_F(Completion, OffersCommandsWhereTheCommandComes) {
    for (const char* line :
         {"leader my-s", "leader run my-s", "leader-run my-s", "leader run --settle 5s my-s",
          "leader --settle=5s my-s", "leader -- my-s", "leader run --exec -- my-s"})
        EXPECT_EQ("my-service", after(line)) << line;
    EXPECT_EQ("", after("leader check my-s"));
    EXPECT_EQ("", after("leader-proxy my-s"));
}

TEST_F(Completion, LeavesTheCommandsOwnWordsToFileNames) {
    for (const char* line :
         {"leader run cat ", "leader cat my-s", "leader-run --exec cat --he", "leader run -- cat --on-loss "})
        EXPECT_EQ("", after(line)) << line;
}

}  // namespace
}  // namespace leader::test
