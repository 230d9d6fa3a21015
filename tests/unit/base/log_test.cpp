#include "common/base/log.h"

#include <gtest/gtest.h>

#include <regex>

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

TEST(Log, LinesBelowTheLevelAreNotWritten) {
    EXPECT_EQ("", logged(log::Format::kText, log::Level::kWarning, [] { log::info("quiet"); }));
}

}  // namespace
}  // namespace leader
