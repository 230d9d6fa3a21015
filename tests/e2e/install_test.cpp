// What `cmake --install` leaves on a machine.

#include <gtest/gtest.h>

#include <sstream>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> words(const std::string& text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

std::vector<std::string> applets() {
    return words(runToEnd(leader({"help", "--generate-bash-completion"})).output);
}

class Install : public ::testing::Test {
  protected:
    /// Into the prefix, below DESTDIR where one is given.
    static void install(const std::string& prefix, const std::string& destination = {}) {
        Process::Options options;
        options.command = {"cmake", "--install", buildFolder(), "--prefix", prefix};
        if (!destination.empty()) options.environment["DESTDIR"] = destination;
        const auto ended = runToEnd(options);
        ASSERT_EQ(0, ended.code) << ended.output << ended.errors;
    }

    TemporaryDirectory folder_;
};

TEST_F(Install, EachAppletIsALinkThatRuns) {
    install("/usr", folder_ / "");
    ASSERT_FALSE(applets().empty());
    for (const std::string& applet : applets()) {
        const std::string link = folder_ / ("usr/bin/leader-" + applet);
        EXPECT_EQ("leader", fs::read_symlink(link)) << link;
        const auto ended = runToEnd({.command = {link, "--help"}});
        EXPECT_EQ(0, ended.code) << ended.errors;
        EXPECT_EQ(1, countLines(ended.output, "^usage: leader-" + applet));
    }
}

TEST_F(Install, AnyPrefixWillDo) {
    install(folder_ / "opt/leader");
    EXPECT_EQ(0, runToEnd({.command = {folder_ / "opt/leader/bin/leader-check", "--help"}}).code);
    EXPECT_TRUE(fs::exists(folder_ / "opt/leader/share/man/man1/leader-check.1"));
}

TEST_F(Install, CompletionIsThereUnderEachName) {
    install("/usr", folder_ / "");
    const std::string completions = folder_ / "usr/share/bash-completion/completions/";
    EXPECT_FALSE(fs::is_symlink(completions + "leader"));
    for (const std::string& applet : applets())
        EXPECT_TRUE(fs::equivalent(completions + "leader", completions + "leader-" + applet)) << applet;
}

TEST_F(Install, EachAppletHasAManualPageWithAllItsOptions) {
    install("/usr", folder_ / "");
    EXPECT_TRUE(fs::exists(folder_ / "usr/share/man/man1/leader.1"));
    for (const std::string& applet : applets()) {
        const std::string page = contentOf(folder_ / ("usr/share/man/man1/leader-" + applet + ".1"));
        for (const char* section :
             {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"})
            EXPECT_EQ(1, countLines(page, std::string("^\\.SH ") + section + "$"))
                << section << " of " << applet;
        for (const std::string& word :
             words(runToEnd(leader({applet, "--generate-bash-completion"})).output)) {
            std::string option = word;
            for (std::size_t at = 0; (at = option.find('-', at)) != std::string::npos; at += 2)
                option.insert(at, 1, '\\');
            EXPECT_NE(std::string::npos, page.find("\\fB" + option + "\\fR")) << word << " of " << applet;
        }
    }
}

TEST_F(Install, TheManualPagesAreCleanMan) {
    if (runToEnd({.command = {"sh", "-c", "command -v mandoc"}}).code != 0) GTEST_SKIP() << "no mandoc";
    install("/usr", folder_ / "");
    for (const auto& page : fs::directory_iterator(folder_ / "usr/share/man/man1")) {
        // A date would differ from build to build.
        const auto ended =
            runToEnd({.command = {"sh", "-c", "mandoc -Tlint -Wwarning \"$1\" | grep -v 'missing date'", "sh",
                                  page.path()}});
        EXPECT_EQ("", ended.output);
    }
}

}  // namespace
}  // namespace leader::test
