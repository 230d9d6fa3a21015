#include "common/base/resident.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <numeric>
#include <string>

namespace leader {
namespace {

constexpr std::size_t kSize = 1 << 20;
/// Part of the program file: what only a start would read.
constexpr std::array<unsigned char, kSize> kConstants = {1, 2, 3};

long residentKibibytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind("RssFile:", 0) == 0) return std::stol(line.substr(8));
    }
    return -1;
}

unsigned sum() {
    const volatile unsigned char* bytes = kConstants.data();
    return std::accumulate(bytes, bytes + kSize, 0U);
}

TEST(StartupPages, AreGivenBackAndComeBackWhenTheyAreUsed) {
    EXPECT_EQ(6U, sum());
    const long before = residentKibibytes();
    releaseStartupPages();
    const long after = residentKibibytes();
    EXPECT_LT(after, before - static_cast<long>(kSize / 1024) / 2);
    EXPECT_EQ(6U, sum());
    EXPECT_GT(residentKibibytes(), after);
}

}  // namespace
}  // namespace leader
