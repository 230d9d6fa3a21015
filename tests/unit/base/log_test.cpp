#include "common/base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <regex>
#include <vector>

#include "common/base/unique_fd.h"

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
