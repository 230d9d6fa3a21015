// A process that no test looks at: its report has to be where scripts/sanitize finds it.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>

namespace leader::test {
namespace {

constexpr int kReported = 99;

/// Of a process that has this fault, which is gone from the folder afterwards.
template <typename Fault>
std::string reportOf(Fault fault) {
    const pid_t child = fork();
    if (child == 0) {
        fault();
        std::_Exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kReported) << status;
    const std::filesystem::path file = LEADER_REPORTS "." + std::to_string(child);
    std::ostringstream report;
    report << std::ifstream(file).rdbuf();
    std::filesystem::remove(file);
    return report.str();
}

bool tells(const std::string& report, const std::string& what) {
    return report.find("SUMMARY: ") != std::string::npos && report.find(what) != std::string::npos;
}

#ifdef LEADER_SANITIZE_THREAD

TEST(Reports, TellOfARace) {
    EXPECT_TRUE(tells(reportOf([] {
                          int shared = 0;
                          std::thread other([&] { ++shared; });
                          ++shared;
                          other.join();
                      }),
                      "data race"));
}

#else

int* volatile kept;

TEST(Reports, TellOfAUseAfterFree) {
    EXPECT_TRUE(tells(reportOf([] {
                          kept = new int(1);
                          delete kept;
                          *kept = 2;
                      }),
                      "heap-use-after-free"));
}

TEST(Reports, TellOfUndefinedBehaviour) {
    EXPECT_TRUE(tells(reportOf([] {
                          volatile int largest = std::numeric_limits<int>::max();
                          largest = largest + 1;
                      }),
                      "signed integer overflow"));
}

TEST(Reports, TellOfALeakOfWhatEndsWithoutDestructors) {
    EXPECT_TRUE(tells(reportOf([] {
                          kept = new int(1);
                          kept = nullptr;
                      }),
                      "detected memory leaks"));
}

#endif

}  // namespace
}  // namespace leader::test
