#include "common/base/mailbox.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace leader {
namespace {

TEST(Mailbox, ALateReaderGetsTheNewestValueOnly) {
    EventLoop loop;
    std::vector<int> seen;
    Mailbox<int> box(loop, [&](const std::shared_ptr<const int>& value) { seen.push_back(*value); });
    box.post(std::make_shared<int>(1));
    box.post(std::make_shared<int>(2));
    loop.turn(false);
    loop.turn(false);
    EXPECT_EQ(std::vector{2}, seen);
}

TEST(Mailbox, WakesTheLoopFromAnotherThread) {
    EventLoop loop;
    int seen = 0;
    Mailbox<int> box(loop, [&](const std::shared_ptr<const int>& value) {
        seen = *value;
        loop.stop();
    });
    std::thread sender([&] { box.post(std::make_shared<int>(7)); });
    loop.run();
    sender.join();
    EXPECT_EQ(7, seen);
}

}  // namespace
}  // namespace leader
