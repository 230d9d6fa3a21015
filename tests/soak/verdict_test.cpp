#include "tests/soak/verdict.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "common/base/unique_fd.h"
#include "tests/support/eventually.h"
#include "tests/support/sanitizer.h"

extern char** environ;

namespace leader::test {
namespace {

const Footprint kBefore{.process = "web-app-1",
                        .pid = 7,
                        .descriptors = {{"socket", 20}, {"pipe", 3}},
                        .threads = 3,
                        .zombies = 0,
                        .anonymousKib = 2000,
                        .rssKib = 8000,
                        .pssKib = 4000};

std::string onlyGrowth(const Footprint& after) {
    const auto found = growths(kBefore, after);
    return found.size() == 1 ? found[0] : std::to_string(found.size()) + " growths";
}

Footprint own() {
    return footprintOf("test", ::getpid()).value();
}

TEST(SoakVerdict, TheSameIsNoGrowth) {
    EXPECT_TRUE(growths(kBefore, kBefore).empty());
}

TEST(SoakVerdict, LessIsNoGrowth) {
    Footprint after = kBefore;
    after.descriptors = {{"socket", 1}};
    after.threads = after.anonymousKib = 1;
    EXPECT_TRUE(growths(kBefore, after).empty());
}

TEST(SoakVerdict, OneDescriptorMoreIsAGrowth) {
    Footprint after = kBefore;
    ++after.descriptors["socket"];
    EXPECT_EQ("web-app-1 (pid 7): descriptors of socket grew from 20 to 21, at most 20", onlyGrowth(after));
}

TEST(SoakVerdict, ADescriptorOfAnotherKindIsAGrowthEvenIfThereAreNoMoreInAll) {
    Footprint after = kBefore;
    --after.descriptors["socket"];
    ++after.descriptors["anon_inode:[pidfd]"];
    EXPECT_EQ("web-app-1 (pid 7): descriptors of anon_inode:[pidfd] grew from 0 to 1, at most 0",
              onlyGrowth(after));
}

TEST(SoakVerdict, ASecondThreadMoreIsAGrowth) {
    Footprint after = kBefore;
    ++after.threads;
    EXPECT_TRUE(growths(kBefore, after).empty());
    ++after.threads;
    EXPECT_EQ("web-app-1 (pid 7): threads grew from 3 to 5, at most 4", onlyGrowth(after));
}

TEST(SoakVerdict, MemoryBeyondTheToleranceIsAGrowth) {
    Footprint after = kBefore;
    after.anonymousKib += Tolerance::kMemoryKib;
    EXPECT_TRUE(growths(kBefore, after).empty());
    after.anonymousKib += 4;
    EXPECT_EQ("web-app-1 (pid 7): KiB of anonymous memory grew from 2000 to 2260, at most 2256",
              onlyGrowth(after));
}

Rests restsWithMemory(const std::vector<long>& kib) {
    Rests rests;
    for (const long each : kib) {
        rests.push_back({kBefore});
        rests.back()[0].anonymousKib = each;
        rests.back()[0].descriptors["socket"] = each;
    }
    return rests;
}

TEST(SoakVerdict, TheFirstRestIsComparedWithTheLast) {
    auto [before, after] = compare(restsWithMemory({5, 7}));
    EXPECT_EQ(5, before[0].anonymousKib);
    EXPECT_EQ(7, after[0].anonymousKib);
}

TEST(SoakVerdict, OfMemoryTheLeastOfSomeRestsCountsAndOfDescriptorsThoseOfTheFirstAndTheLast) {
    auto [before, after] = compare(restsWithMemory({900, 800, 810, 805, 802, 700, 1000, 801, 820, 830, 840}));
    EXPECT_EQ(800, before[0].anonymousKib);
    EXPECT_EQ(801, after[0].anonymousKib);
    EXPECT_EQ(900, before[0].descriptors["socket"]);
    EXPECT_EQ(840, after[0].descriptors["socket"]);
}

TEST(SoakVerdict, APeakAtTheEndIsNoGrowthAndALeakIsOne) {
    const auto verdictOf = [](const std::vector<long>& kib) {
        auto [before, after] = compare(restsWithMemory(kib));
        after[0].descriptors = before[0].descriptors;
        return growths(before[0], after[0]).size();
    };
    EXPECT_EQ(0U, verdictOf({900, 910, 900, 905, 910, 5000}));
    EXPECT_EQ(1U, verdictOf({900, 1000, 1100, 1200, 1300, 1400}));
}

TEST(SoakVerdict, MemoryOfAnotherProcessDoesNotCount) {
    Rests rests = restsWithMemory({900, 900, 100, 900});
    rests[2][0].pid = 8;
    EXPECT_EQ(900, compare(rests).after[0].anonymousKib);
}

TEST(SoakVerdict, AZombieIsNeverRight) {
    Footprint before = kBefore;
    before.zombies = 1;
    EXPECT_EQ(std::vector<std::string>{"web-app-1 (pid 7): zombies, 1 of them"}, growths(before, before));
}

TEST(SoakVerdict, AProcessThatDidNotLiveTheWholeTimeCannotBeJudged) {
    Footprint after = kBefore;
    after.pid = 8;
    EXPECT_EQ("web-app-1: is another process than before, pid 8 instead of 7", onlyGrowth(after));
}

TEST(SoakFootprint, SeesADescriptorAndAPipe) {
    Footprint before = own();
    const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    int ends[2];
    ASSERT_EQ(0, ::pipe2(ends, O_CLOEXEC));
    const UniqueFd readEnd(ends[0]);
    const UniqueFd writeEnd(ends[1]);
    Footprint after = own();
    EXPECT_EQ(before.descriptors["/dev/null"] + 1, after.descriptors["/dev/null"]);
    EXPECT_EQ(before.descriptors["pipe"] + 2, after.descriptors["pipe"]);
    EXPECT_EQ(before.allDescriptors() + 3, after.allDescriptors());
}

TEST(SoakFootprint, SeesAThreadAndMemory) {
    constexpr std::size_t kBytes = 4UL * 1024 * 1024;
    const Footprint before = own();
    void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(MAP_FAILED, memory);
    std::memset(memory, 1, kBytes);
    Footprint after;
    std::thread([&] { after = own(); }).join();
    ::munmap(memory, kBytes);
    EXPECT_EQ(before.threads + 1 + kRuntimesThreads, after.threads);
    EXPECT_GE(after.anonymousKib - before.anonymousKib, static_cast<long>(kBytes / 1024));
    EXPECT_GE(after.rssKib - before.rssKib, static_cast<long>(kBytes / 1024));
}

TEST(SoakFootprint, SeesAZombieUntilItIsWaitedFor) {
    std::string name = "true";
    char* arguments[] = {name.data(), nullptr};
    pid_t pid = 0;
    ASSERT_EQ(0, ::posix_spawnp(&pid, "true", nullptr, nullptr, arguments, environ));
    EXPECT_TRUE(eventually([] { return own().zombies == 1; }));
    ASSERT_EQ(pid, ::waitpid(pid, nullptr, 0));
    EXPECT_EQ(0, own().zombies);
}

TEST(SoakFootprint, OfNoProcessIsNone) {
    EXPECT_FALSE(footprintOf("nobody", 1 << 22).has_value());
}

}  // namespace
}  // namespace leader::test
