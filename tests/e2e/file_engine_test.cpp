#include <gtest/gtest.h>

#include <fstream>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

class FileEngine : public ::testing::Test {
  protected:
    std::string path() const { return directory_ / "answers.json"; }
    std::string engine() const { return "file:" + path(); }
    void save(const Environment& environment) const { saveAnswers(environment.answers(), path()); }
    /// The member with number 2, and a line for each change it sees where it does not lead.
    Process::Options second() const { return run(engine(), {"--self", "web-app-2", "--log-level", "debug"}); }

    static Environment both() { return service(2, 0); }
    static Environment onlySecond() {
        Environment environment = service(2, 0);
        environment.remove("web-app-1");
        return environment;
    }
    static std::string text(const Environment& environment) {
        std::ostringstream out;
        environment.answers()->stringify(out);
        return out.str();
    }

    TemporaryDirectory directory_;
};

TEST_F(FileEngine, CheckTellsTheSameAsFromAServer) {
    save(both());
    EXPECT_EQ(0, check(engine(), {"--self", "web-app-1"}).code);
    EXPECT_EQ(1, check(engine(), {"--self", "web-app-2"}).code);
    EXPECT_EQ(3, checkInVain(engine(), {"--self", "web-app-3"}).code);
}

TEST_F(FileEngine, WithoutSelfItGoesByThisHostsAddresses) {
    save(service(2, 1));
    EXPECT_EQ(0, check(engine()).code);
    save(service(2, 2));
    EXPECT_EQ(1, check(engine()).code);
    save(both());
    EXPECT_EQ(3, checkInVain(engine()).code);
}

TEST_F(FileEngine, AReplacedFileIsSeen) {
    save(both());
    Process process(second());
    ASSERT_TRUE(process.waitForErrors("web-app-1|follow|wait"));
    EXPECT_EQ(0, starts(process));
    save(onlySecond());
    EXPECT_TRUE(process.waitForOutput("^started 2$"));
    EXPECT_EQ(1, starts(process));
}

TEST_F(FileEngine, AFileEditedInPlaceIsSeen) {
    writeFile(path(), text(both()));
    Process process(second());
    ASSERT_TRUE(process.waitForErrors("web-app-1|follow|wait"));
    writeFile(path(), text(onlySecond()));
    EXPECT_TRUE(process.waitForOutput("^started 2$"));
}

TEST_F(FileEngine, AFileReplacedBehindASymbolicLinkIsSeen) {
    // The way Kubernetes updates the files of a ConfigMap.
    for (const std::string generation : {"one", "two"})
        std::filesystem::create_directory(directory_ / generation);
    writeFile(directory_ / "one/answers.json", text(both()));
    writeFile(directory_ / "two/answers.json", text(onlySecond()));
    std::filesystem::create_symlink("one", directory_ / "data");
    std::filesystem::create_symlink("data/answers.json", path());
    Process process(second());
    ASSERT_TRUE(process.waitForErrors("web-app-1|follow|wait"));
    std::filesystem::create_symlink("two", directory_ / "data.new");
    std::filesystem::rename(directory_ / "data.new", directory_ / "data");
    EXPECT_TRUE(process.waitForOutput("^started 2$", 5s));
}

TEST_F(FileEngine, AHalfWrittenFileKeepsTheLastGoodViewAndItsRestIsSeen) {
    writeFile(path(), text(service(2, 0)));
    Process process(run(engine(), {"--self", "web-app-1"}));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    const auto command = descendants(process.pid());
    const std::string whole = text(service(3, 0));
    writeFile(path(), whole.substr(0, whole.size() / 2));
    ASSERT_TRUE(process.waitForErrors("cannot tell.*answers.json"));
    EXPECT_EQ(command, descendants(process.pid()));
    std::ofstream(path(), std::ios::app) << whole.substr(whole.size() / 2);
    ASSERT_TRUE(process.waitForErrors("again, after"));
    EXPECT_EQ(command, descendants(process.pid()));
    EXPECT_EQ(1, countLines(process.errors(), "cannot tell"));
}

TEST_F(FileEngine, EveryKindOfBrokenFileIsOneLineAndStartsNobody) {
    struct Broken {
        const char* what;
        std::string text;
    };
    for (const auto& [what, content] :
         {Broken{"empty", ""}, Broken{"null", "null"}, Broken{"empty object", "{}"}, Broken{"array", "[]"},
          Broken{"html", "<html></html>"}, Broken{"word", "answers"},
          Broken{"deep", std::string(100'000, '[') + std::string(100'000, ']')},
          Broken{"version that is no object", R"({"2016-07-29": 1})"},
          Broken{"default that is null", R"({"2016-07-29": {"default": null}})"},
          Broken{"containers that are a word", R"({"2016-07-29": {"default": {"containers": "many"}}})"}}) {
        SCOPED_TRACE(what);
        writeFile(path(), content);
        const auto ended = checkInVain(engine(), {"--self", "web-app-1"});
        EXPECT_EQ(3, ended.code);
        EXPECT_TRUE(oneLine(ended.errors, "answers.json|2016-07-29"));
    }
    std::filesystem::remove(path());
    EXPECT_TRUE(oneLine(checkInVain(engine(), {"--self", "web-app-1"}).errors, "answers.json"));
    std::filesystem::create_directory(path());
    EXPECT_TRUE(oneLine(checkInVain(engine(), {"--self", "web-app-1"}).errors, "answers.json"));
}

TEST_F(FileEngine, ABrokenFileStartsNobodyAndTheNextGoodOneDoes) {
    save(both());
    Process process(second());
    ASSERT_TRUE(process.waitForErrors("web-app-1|follow|wait"));
    writeFile(path(), "{ broken");
    ASSERT_TRUE(process.waitForErrors("cannot tell"));
    EXPECT_EQ(0, starts(process));
    save(onlySecond());
    EXPECT_TRUE(process.waitForOutput("^started 2$"));
    EXPECT_EQ(1, countLines(process.errors(), "cannot tell who leads, trying again"));
}

TEST_F(FileEngine, AFileThatIsNotThereYetIsWaitedFor) {
    Process process(run(engine(), {"--self", "web-app-1"}));
    ASSERT_TRUE(process.waitForErrors("answers.json"));
    EXPECT_EQ(0, starts(process));
    save(both());
    EXPECT_TRUE(process.waitForOutput("^started 1$"));
}

TEST_F(FileEngine, ARemovedFileLeavesTheLeaderItsCommand) {
    save(both());
    Process process(run(engine(), {"--self", "web-app-1"}));
    ASSERT_TRUE(process.waitForOutput("^started 1$"));
    std::filesystem::remove(path());
    ASSERT_TRUE(process.waitForErrors("answers.json"));
    save(both());
    ASSERT_TRUE(process.waitForErrors("again, after"));
    EXPECT_EQ(1, starts(process));
}

TEST_F(FileEngine, ARelativePathIsTakenFromWhereItIsStarted) {
    save(both());
    auto options = leader({"check", "--engine", "file:answers.json", "--self", "web-app-1"});
    options.directory = directory_ / "";
    EXPECT_EQ(0, runToEnd(options).code);
}

TEST_F(FileEngine, MembersOfOneFileTakeTurns) {
    Environment environment = service(3, 0);
    save(environment);
    std::vector<std::unique_ptr<Process>> members;
    members.reserve(3);
    for (int n = 1; n <= 3; ++n) {
        members.push_back(
            std::make_unique<Process>(run(engine(), {"--self", "web-app-" + std::to_string(n)})));
    }
    for (int n = 1; n <= 3; ++n) {
        EXPECT_TRUE(members[n - 1]->waitForOutput("^started " + std::to_string(n) + "$"));
        for (int other = n + 1; other <= 3; ++other) EXPECT_EQ(0, starts(*members[other - 1]));
        if (n < 3) save(environment.remove("web-app-" + std::to_string(n)));
    }
}

}  // namespace
}  // namespace leader::test
