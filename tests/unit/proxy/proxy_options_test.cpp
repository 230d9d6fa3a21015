#include "common/proxy/proxy_options.h"

#include <gtest/gtest.h>

namespace leader {
namespace {

TEST(PortMapping, OneNumberIsSharedWithTheCommand) {
    const auto port = PortMapping::parse("80");
    ASSERT_TRUE(port);
    EXPECT_EQ(80, port->listen);
    EXPECT_EQ(80, port->target);
    EXPECT_TRUE(port->shared());
}

TEST(PortMapping, TwoNumbersAreListenAndTarget) {
    const auto port = PortMapping::parse("8080:80");
    ASSERT_TRUE(port);
    EXPECT_EQ(8080, port->listen);
    EXPECT_EQ(80, port->target);
    EXPECT_FALSE(port->shared());
}

TEST(PortMapping, AnythingElseIsRefusedByName) {
    for (const std::string text : {"", ":", "80:", ":80", "0", "0:80", "80:0", "65536", "-1", "+80", " 80",
                                   "80 ", "http", "1:2:3", "0x50", "127.0.0.1:80", "99999999999999999999"}) {
        const auto port = PortMapping::parse(text);
        ASSERT_FALSE(port) << text;
        EXPECT_NE(std::string::npos, port.error().message.find("port '" + text + "'"));
    }
}

}  // namespace
}  // namespace leader
