#include "common/supervisor/lease.h"

#include <gtest/gtest.h>

namespace leader {
namespace {

using namespace std::chrono_literals;

TEST(CheckLease, TwoThirdsOfTheTtlMustCoverTheGracePeriodAndTwoSeconds) {
    EXPECT_FALSE(checkLease(30s, 10s));
    EXPECT_FALSE(checkLease(18s, 10s));
    EXPECT_TRUE(checkLease(17999ms, 10s));
    EXPECT_FALSE(checkLease(3s, 0s));
    EXPECT_TRUE(checkLease(2999ms, 0s));
}

TEST(CheckLease, SaysWhatWouldDo) {
    const auto error = checkLease(10s, 10s);
    ASSERT_TRUE(error);
    EXPECT_NE(std::string::npos, error->message.find("10s")) << error->message;
    EXPECT_NE(std::string::npos, error->message.find("--ttl 18s")) << error->message;
    EXPECT_FALSE(checkLease(18s, 10s));
    const auto uneven = checkLease(3s, 500ms);
    ASSERT_TRUE(uneven);
    EXPECT_NE(std::string::npos, uneven->message.find("--ttl 4s")) << uneven->message;
    EXPECT_FALSE(checkLease(4s, 500ms));
}

}  // namespace
}  // namespace leader
