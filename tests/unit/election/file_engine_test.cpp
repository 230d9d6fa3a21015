#include "common/election/file_engine.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "common/metadata/answers_file.h"

namespace leader {
namespace {

using namespace std::chrono_literals;

std::string answers(const std::string& revision, const std::string& state = "running") {
    return R"({"latest":{"default":{"version":")" + revision +
           R"(","containers":[{"uuid":"a","name":"web_1","primary_ip":"192.0.2.1","create_index":1,
               "stack_name":"s","service_name":"web","state":")" +
           state + R"("}]}}})";
}

class FileEngineTest : public testing::Test {
  protected:
    FileEngineTest() {
        std::string pattern = testing::TempDir() + "leader-file-XXXXXX";
        folder_ = mkdtemp(pattern.data());
        path = folder_ / "answers.json";
    }
    ~FileEngineTest() override { std::filesystem::remove_all(folder_); }

    void edit(const std::string& text) const { std::ofstream(path) << text; }
    void replace(const std::string& text) const {
        std::ofstream(folder_ / "new") << text;
        std::filesystem::rename(folder_ / "new", path);
    }

    std::unique_ptr<Engine> engine(Duration heartbeat = 1h, const std::string& self = "a") {
        EngineOptions options;
        options.url = "file:" + path.string();
        options.self = self;
        options.heartbeat = heartbeat;
        return std::move(*makeFileEngine(options, interrupt));
    }

    /// What next() gives once `change` has happened while it was waiting, or just before.
    Engine::ViewOrError nextAfter(Engine& engine, const std::function<void()>& change) {
        std::thread changer(change);
        auto result = engine.next();
        changer.join();
        return result;
    }

    std::filesystem::path folder_;
    std::filesystem::path path;
    Interrupt interrupt;
};

TEST_F(FileEngineTest, TheFirstViewComesAtOnce) {
    edit(answers("v1"));
    const auto view = engine()->next();
    ASSERT_TRUE(view.ok()) << view.error().message;
    EXPECT_EQ("s/web", (*view)->group);
    EXPECT_EQ("v1", (*view)->revision);
    EXPECT_EQ("a", (*view)->selfUuid);
}

TEST_F(FileEngineTest, AReplacedFileIsSeen) {
    edit(answers("v1"));
    const auto e = engine();
    ASSERT_TRUE(e->next().ok());
    const auto view = nextAfter(*e, [&] { replace(answers("v2")); });
    ASSERT_TRUE(view.ok());
    EXPECT_EQ("v2", (*view)->revision);
}

TEST_F(FileEngineTest, AFileEditedInPlaceIsSeenThoughItIsHalfWrittenForAMoment) {
    const std::string text = answers("v2");
    for (int attempt = 0; attempt < 20; ++attempt) {
        edit(answers("v1"));
        const auto e = engine();
        ASSERT_TRUE(e->next().ok());
        const auto start = std::chrono::steady_clock::now();
        const auto view = nextAfter(*e, [&] {
            std::ofstream file(path);
            file << text.substr(0, 40) << std::flush;
            file << text.substr(40);
        });
        // A moment is 200 ms, and a busy machine may stop one of the threads for longer.
        if (view.ok() || std::chrono::steady_clock::now() - start < 200ms) {
            ASSERT_TRUE(view.ok()) << view.error().message;
            EXPECT_EQ("v2", (*view)->revision);
            return;
        }
    }
    FAIL() << "the machine is too busy to write two halves at once";
}

TEST_F(FileEngineTest, AnEditThatLeavesSizeAndTimeAsTheyWereIsSeen) {
    edit(answers("v1"));
    const auto e = engine();
    ASSERT_TRUE(e->next().ok());
    const auto time = std::filesystem::last_write_time(path);
    edit(answers("v2"));
    std::filesystem::last_write_time(path, time);
    EXPECT_EQ("v2", (*e->next())->revision);
}

TEST_F(FileEngineTest, AFileBehindASwappedSymbolicLinkIsSeen) {
    std::filesystem::create_directory(folder_ / "1");
    std::filesystem::create_directory(folder_ / "2");
    std::ofstream(folder_ / "1/answers.json") << answers("v1");
    std::ofstream(folder_ / "2/answers.json") << answers("v2");
    std::filesystem::create_symlink("1", folder_ / "data");
    std::filesystem::create_symlink("data/answers.json", path);
    const auto e = engine();
    ASSERT_TRUE(e->next().ok());
    const auto view = nextAfter(*e, [&] {
        std::filesystem::create_symlink("2", folder_ / "new");
        std::filesystem::rename(folder_ / "new", folder_ / "data");
    });
    ASSERT_TRUE(view.ok());
    EXPECT_EQ("v2", (*view)->revision);
}

TEST_F(FileEngineTest, ABrokenFileIsAnErrorAndItsRepairIsSeenWithoutWaitingForThePause) {
    edit(answers("v1"));
    const auto e = engine();
    ASSERT_TRUE(e->next().ok());
    const auto broken = nextAfter(*e, [&] { replace("{\"latest\":"); });
    ASSERT_FALSE(broken.ok());
    EXPECT_NE(std::string::npos, broken.error().message.find(path.string()));
    std::thread repair([&] { replace(answers("v3")); });
    e->waitToRetry(1h);
    repair.join();
    EXPECT_EQ("v3", (*e->next())->revision);
}

TEST_F(FileEngineTest, AMissingFileIsAnErrorUntilItIsThere) {
    const auto e = engine();
    const auto missing = e->next();
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ("cannot read " + path.string() + ": No such file or directory", missing.error().message);
    std::thread creation([&] { replace(answers("v1")); });
    e->waitToRetry(1h);
    creation.join();
    EXPECT_TRUE(e->next().ok());
}

TEST_F(FileEngineTest, AnUnchangedFileIsVouchedForEachHeartbeat) {
    edit(answers("v1"));
    const auto e = engine(20ms);
    const auto first = e->next();
    const auto second = e->next();
    ASSERT_TRUE(second.ok());
    EXPECT_EQ("v1", (*second)->revision);
    EXPECT_GE((*second)->observedAt - (*first)->observedAt, Duration(20ms));
}

TEST_F(FileEngineTest, AnInterruptEndsTheWaiting) {
    edit(answers("v1"));
    const auto e = engine();
    ASSERT_TRUE(e->next().ok());
    EXPECT_EQ("v1", (*nextAfter(*e, [&] { interrupt.raise(); }))->revision);
}

TEST_F(FileEngineTest, WithoutSelfTheHostsAddressesTellWhoItIs) {
    std::string text = answers("v1");
    text.replace(text.find("192.0.2.1"), 9, "127.0.0.1");
    edit(text);
    const auto view = engine(1h, "")->next();
    ASSERT_TRUE(view.ok()) << view.error().message;
    EXPECT_EQ("a", (*view)->selfUuid);
}

TEST_F(FileEngineTest, WhatIsNoAnswersFileIsRefused) {
    for (const char* text : {"", "null", "[]", "{}", "<html>", R"({"latest":5})", R"({"latest":{}})",
                             R"({"latest":{"default":{"containers":{}}}})"}) {
        replace(text);
        const auto view = engine()->next();
        ASSERT_FALSE(view.ok()) << text;
        EXPECT_NE(std::string::npos, view.error().message.find(path.string())) << view.error().message;
    }
}

TEST_F(FileEngineTest, AFolderAndANamedPipeAreNoFiles) {
    std::filesystem::create_directory(path);
    EXPECT_EQ(path.string() + ": is not a file", engine()->next().error().message);
    std::filesystem::remove(path);
    ASSERT_EQ(0, mkfifo(path.c_str(), 0600));
    EXPECT_EQ(path.string() + ": is not a file", engine()->next().error().message);
}

TEST_F(FileEngineTest, AFileThatIsTooLargeIsNotReadToItsEnd) {
    edit("");
    std::filesystem::resize_file(path, metadata::AnswersFile::kMaxSize + 1);
    EXPECT_EQ(path.string() + ": is over 64 MiB", engine()->next().error().message);
}

TEST(FileEngineUrl, NamesAPath) {
    const Interrupt interrupt;
    EngineOptions options;
    for (const char* url : {"file:answers.json", "file:/tmp/x", "file:///tmp/x", "FILE:/tmp/x"}) {
        options.url = url;
        EXPECT_TRUE(makeEngine(options, interrupt).ok()) << url;
    }
    for (const char* url : {"file:", "file:/", "file://host/x", "file:///", "files:x", "", "/tmp/x"}) {
        options.url = url;
        const auto made = makeEngine(options, interrupt);
        ASSERT_FALSE(made.ok()) << url;
        EXPECT_EQ(0U, made.error().message.find("--engine: '" + std::string(url) + "'"));
    }
}

}  // namespace
}  // namespace leader
