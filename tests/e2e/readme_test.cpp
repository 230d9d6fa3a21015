// The README's tables of options and exit codes say what each applet's --help does.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

using Set = std::set<std::string>;
using Cells = std::vector<std::string>;

// `leader` without an applet's name: run, with --check besides.
const std::string kAncestor = "leader";

Set onlyInFirst(const Set& first, const Set& second) {
    Set only;
    std::set_difference(first.begin(), first.end(), second.begin(), second.end(),
                        std::inserter(only, only.end()));
    return only;
}

void expectSame(const Set& help, const Set& readme, const std::string& applet) {
    EXPECT_EQ(Set{}, onlyInFirst(help, readme)) << "only in the help of " << applet;
    EXPECT_EQ(Set{}, onlyInFirst(readme, help)) << "only in README.md for " << applet;
}

/// What the pattern's first group matches, or the whole of one without groups.
Set found(const std::string& text, const std::regex& pattern) {
    Set all;
    for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
        all.insert(match->str(match->size() > 1 ? 1 : 0));
    return all;
}

std::string joined(const Set& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

/// `--on-loss WORD: exit, keep, stand-down (default: stand-down)`
std::string asLine(const std::string& option, const Set& choices, const std::string& defaultValue) {
    return option + (choices.empty() ? "" : ": " + joined(choices)) +
           (defaultValue.empty() ? "" : " (default: " + defaultValue + ")");
}

std::vector<std::string> readmeLines() {
    std::ifstream file(sourceFile("README.md"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

/// The rows of the table whose first heading this is.
std::vector<Cells> readmeTable(const std::string& heading) {
    const auto lines = readmeLines();
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&](const auto& text) { return text.starts_with("| " + heading + " |"); });
    std::vector<Cells> rows;
    for (std::advance(line, std::min<std::ptrdiff_t>(2, lines.end() - line));
         line != lines.end() && line->starts_with("|"); ++line) {
        Cells cells;
        std::istringstream rest(line->substr(1));
        for (std::string cell; std::getline(rest, cell, '|');)
            cells.push_back(std::regex_replace(cell, std::regex("^ +| +$"), ""));
        rows.push_back(cells);
    }
    return rows;
}

bool isOf(const std::string& applets, const std::string& applet) {
    const Set named = found(applets, std::regex("[^, ][^,]*"));
    return named.count("all") > 0 || named.count(applet) > 0 ||
           (applet == kAncestor && (named.count("run") > 0 || named.count("`leader`") > 0));
}

/// "`info`, of status `error`" is another one for status.
std::string defaultFor(const std::string& applet, const std::string& cell) {
    std::string plain = std::regex_replace(cell, std::regex("`"), "");
    std::smatch parts;
    if (!std::regex_match(plain, parts, std::regex("(.*), of (\\w+) (.*)"))) return plain;
    return parts[2] == applet ? parts[3] : parts[1];
}

Set optionsInReadme(const std::string& applet) {
    const std::regex quoted("`([^`]+)`");
    Set all;
    for (const Cells& row : readmeTable("option")) {
        if (!isOf(row.at(1), applet)) continue;
        for (const std::string& option : found(row.at(0), quoted))
            all.insert(asLine(option,
                              option.ends_with(" WORD") ? found(row.at(2) + row.at(3), quoted) : Set(),
                              defaultFor(applet, row.at(2))));
    }
    return all;
}

std::string printed(const std::string& applet, std::vector<std::string> words) {
    if (applet != kAncestor) words.insert(words.begin(), applet);
    const auto ended = runToEnd(leader(words));
    EXPECT_EQ(0, ended.code) << ended.errors;
    return ended.output;
}

std::string help(const std::string& applet) {
    // The option keeps `leader` from listing the applets instead.
    return printed(applet, {"--healthy-only", "--help"});
}

Set wordsAfter(const std::string& applet, const std::string& word) {
    return found(printed(applet, {word, "--generate-bash-completion"}), std::regex("\\S+"));
}

Set appletNames() {
    return wordsAfter(kAncestor, "help");
}

Set appletsAndAncestor() {
    Set all = appletNames();
    all.insert(kAncestor);
    return all;
}

Set optionsInHelp(const std::string& applet) {
    // "  --hold D   what it is", broken into lines.
    const std::regex item("\n  (--[a-z-]+)( \\S+)?(?: +|\n +)((?:.|\n {28})*)");
    const std::regex byDefault("\\(default: ([^)]*)\\)$");
    const std::string text = help(applet);
    Set all;
    for (std::sregex_iterator match(text.begin(), text.end(), item), end; match != end; ++match) {
        const std::string name = (*match)[1];
        if (name == "--help" || name == "--version") continue;
        const std::string meaning = std::regex_replace(match->str(3), std::regex("\n +"), " ");
        all.insert(asLine(name + match->str(2), (*match)[2] == " WORD" ? wordsAfter(applet, name) : Set(),
                          joined(found(meaning, byDefault))));
    }
    return all;
}

Set exitCodesIn(const std::string& text) {
    return found(text, std::regex("\\b\\d+\\b"));
}

TEST(Readme, ListsTheSameAppletsAsTheHelp) {
    Set inHelp;
    for (const std::string& applet : appletNames())
        inHelp.merge(found(help(applet), std::regex("^usage: leader-(.*)")));
    Set inReadme;
    for (const std::string& line : readmeLines())
        inReadme.merge(found(line, std::regex("^    leader ((\\w+) .*[^ ]) +also leader-\\2$")));
    ASSERT_FALSE(inHelp.empty());
    expectSame(inHelp, inReadme, kAncestor);
}

TEST(Readme, ListsTheSameOptionsAsTheHelp) {
    for (const std::string& applet : appletsAndAncestor()) {
        ASSERT_FALSE(optionsInHelp(applet).empty());
        expectSame(optionsInHelp(applet), optionsInReadme(applet), applet);
    }
}

TEST(Readme, ListsTheSameExitCodesAsTheHelp) {
    for (const std::string& applet : appletNames()) {
        std::smatch paragraph;
        const std::string text = help(applet);
        ASSERT_TRUE(std::regex_search(text, paragraph, std::regex("\nExit codes: (?:.|\n(?!\n))*")));
        Set inReadme;
        for (const Cells& row : readmeTable("exit code"))
            if (isOf(row.at(1), applet)) inReadme.merge(exitCodesIn(row.at(0)));
        expectSame(exitCodesIn(paragraph.str()), inReadme, applet);
    }
}

}  // namespace
}  // namespace leader::test
