#include "common/supervisor/signals.h"

#include <gtest/gtest.h>

#include <csignal>

namespace leader {
namespace {

TEST(Signals, AreReadByNameAndNumber) {
    EXPECT_EQ(SIGTERM, *parseSignal("TERM"));
    EXPECT_EQ(SIGTERM, *parseSignal("SIGTERM"));
    EXPECT_EQ(SIGTERM, *parseSignal("15"));
    EXPECT_EQ(SIGUSR1, *parseSignal("sigusr1"));
    EXPECT_EQ(SIGRTMIN, *parseSignal("RTMIN"));
    EXPECT_EQ(SIGRTMIN + 1, *parseSignal("SIGRTMIN+1"));
    EXPECT_EQ(SIGRTMAX - 2, *parseSignal("RTMAX-2"));
    EXPECT_EQ(SIGABRT, *parseSignal("IOT"));
}

TEST(Signals, UnknownOnesAreErrorsThatNameThem) {
    for (const char* text :
         {"", "SIG", "FOO", "0", "-1", "33", "65", "15x", "TERM ", "RTMIN+99", "RTMIN-1", "RTMAX+1"}) {
        const auto signal = parseSignal(text);
        ASSERT_FALSE(signal) << text;
        EXPECT_NE(std::string::npos, signal.error().message.find(text)) << signal.error().message;
    }
}

TEST(Signals, EveryNameIsReadBackAsItsNumber) {
    for (int signal = 1; signal <= SIGRTMAX; ++signal) {
        if (signal >= 32 && signal < SIGRTMIN) continue;
        const auto read = parseSignal(signalName(signal));
        ASSERT_TRUE(read) << signalName(signal);
        EXPECT_EQ(signal, *read);
    }
}

}  // namespace
}  // namespace leader
