#include "common/base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <regex>
#include <vector>

#include "common/base/unique_fd.h"
#include "tests/support/json.h"

namespace leader {
namespace {

std::string logged(log::Format format, log::Level level, const std::function<void()>& body) {
    testing::internal::CaptureStderr();
    log::configure("leader-run", level, format);
    body();
    return testing::internal::GetCapturedStderr();
}

TEST(Log, TextLinesStartWithUtcTimeAndProgram) {
    const auto line = logged(log::Format::kText, log::Level::kInfo, [] { log::info("hello"); });
    EXPECT_TRUE(
        std::regex_match(line, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z leader-run: hello\n)")))
        << line;
}

TEST(Log, JsonLinesEscapeWhatTheyCarry) {
    const auto line = logged(log::Format::kJson, log::Level::kInfo, [] { log::warning("a \"b\"\nc"); });
    EXPECT_NE(std::string::npos,
              line.find(R"("level":"warning","program":"leader-run","message":"a \"b\"\nc"})"))
        << line;
}

TEST(Log, AMessageWithLineBreaksIsStillOneLine) {
    const auto line = logged(log::Format::kText, log::Level::kInfo, [] { log::error("a\nb"); });
    EXPECT_NE(std::string::npos, line.find("leader-run: error: a b\n")) << line;
}

TEST(Log, AMessageCannotWriteToTheTerminal) {
    const auto write = [] { log::error("a\x1b[2J\u009b2J\u202eb\xff"); };
    const auto text = logged(log::Format::kText, log::Level::kInfo, write);
    EXPECT_NE(std::string::npos, text.find("error: a\\x1b[2J\\xc2\\x9b2J\\xe2\\x80\\xaeb\\xff\n")) << text;
    const auto json = logged(log::Format::kJson, log::Level::kInfo, write);
    EXPECT_NE(std::string::npos, json.find("\"a\\u001B[2J\\u009b2J\\u202eb\ufffd\"}\n")) << json;
}

TEST(Log, ALongMessageIsShortenedAndItsLineStaysWhatItIs) {
    // As JSON some of these take six bytes, and the cut falls between those of a character.
    for (const std::string piece : {"x", "\x1b", "日", "\"", "a日\x01"}) {
        std::string message;
        while (message.size() < 10000) message += piece;
        const auto json = logged(log::Format::kJson, log::Level::kInfo, [&] { log::info(message); });
        EXPECT_LE(json.size(), 4096U);
        EXPECT_GT(json.size(), 4000U);
        const auto object = test::parseJson(json);
        const auto shortened = object->getValue<std::string>("message");
        ASSERT_LT(2U, shortened.size());
        EXPECT_EQ("..", shortened.substr(shortened.size() - 2));
        EXPECT_EQ(0U, message.find(shortened.substr(0, shortened.size() - 2))) << shortened;
        const auto text = logged(log::Format::kText, log::Level::kInfo, [&] { log::info(message); });
        EXPECT_LE(text.size(), 4096U);
        EXPECT_EQ("..\n", text.substr(text.size() - 3));
    }
}

TEST(Log, WhenNobodyReadsLinesAreDroppedAndCountedInsteadOfWaitedFor) {
    std::array<int, 2> ends{};
    ASSERT_EQ(0, pipe(ends.data()));
    const UniqueFd reader(ends[0]);
    const UniqueFd writer(ends[1]);
    const UniqueFd standardError(dup(STDERR_FILENO));
    dup2(writer.get(), STDERR_FILENO);
    log::configure("leader-run", log::Level::kInfo, log::Format::kText);
    const std::string text(1000, 'x');
    for (int i = 0; i < 1000; ++i) log::info(text);
    std::vector<char> buffer(std::size_t{1024} * 1024);
    const ssize_t full = read(reader.get(), buffer.data(), buffer.size());
    log::info("again");
    const ssize_t rest = read(reader.get(), buffer.data(), buffer.size());
    dup2(standardError.get(), STDERR_FILENO);

    ASSERT_GT(full, 1000);
    ASSERT_GT(rest, 0);
    EXPECT_TRUE(std::regex_match(
        std::string(buffer.data(), static_cast<std::size_t>(rest)),
        std::regex(R"(.*warning: 9\d\d lines were lost, as nobody read them\n.*: again\n)")));
}

TEST(Log, LinesBelowTheLevelAreNotWritten) {
    EXPECT_EQ("", logged(log::Format::kText, log::Level::kWarning, [] { log::info("quiet"); }));
}

}  // namespace
}  // namespace leader
