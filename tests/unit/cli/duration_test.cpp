#include "common/cli/duration.h"

#include <gtest/gtest.h>

namespace leader::cli {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsReadAsItIsWritten) {
    EXPECT_EQ(Duration(500ms), *parseDuration("500ms"));
    EXPECT_EQ(Duration(2s), *parseDuration("2s"));
    EXPECT_EQ(Duration(90s), *parseDuration("1m30s"));
    EXPECT_EQ(Duration(2h + 3ms), *parseDuration("2h3ms"));
    EXPECT_EQ(Duration(0s), *parseDuration("0s"));
}

TEST(Duration, WhatIsNoneIsRefusedByName) {
    for (const char* text : {"", "5", "s", "-1s", "+1s", "1.5s", "1 s", "1s ", "1s1m", "1s1s", "1d", "1S",
                             "1m30", "9999999999999999999s", "\xc2\xb5s"}) {
        const auto parsed = parseDuration(text);
        ASSERT_FALSE(parsed.ok()) << text;
        EXPECT_NE(std::string::npos, parsed.error().message.find("'" + std::string(text) + "'"));
    }
}

TEST(Duration, OverTenYearsIsRefused) {
    EXPECT_TRUE(parseDuration("87672h").ok());
    EXPECT_FALSE(parseDuration("87673h").ok());
    EXPECT_FALSE(parseDuration("87672h1ms").ok());
    EXPECT_FALSE(parseDuration("999999999999h").ok());
}

TEST(Duration, IsWrittenAsItIsRead) {
    for (const char* text : {"0s", "500ms", "2s", "1m30s", "1h2m3s4ms"})
        EXPECT_EQ(text, formatDuration(*parseDuration(text)));
}

}  // namespace
}  // namespace leader::cli
