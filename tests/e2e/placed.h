#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/harness.h"
#include "tests/support/privileges.h"

namespace leader::test {

enum class Place { kPid1, kSubreaper };

inline void PrintTo(Place place, std::ostream* out) {
    *out << (place == Place::kPid1 ? "process 1" : "subreaper");
}

inline std::string nameOf(const ::testing::TestParamInfo<Place>& place) {
    return place.param == Place::kPid1 ? "Pid1" : "Subreaper";
}

/// The binary as process 1 of a pid namespace of its own, or below another process as a subreaper.
class Placed : public ::testing::TestWithParam<Place> {
  protected:
    void SetUp() override {
        if (const auto why = pid1() ? pidNamespacesUnavailable() : std::nullopt) GTEST_SKIP() << *why;
    }

    static bool pid1() { return GetParam() == Place::kPid1; }

    static Process::Options placed(Process::Options options) {
        const std::vector<std::string> unshare = {"unshare", "--pid", "--fork", "--mount-proc",
                                                  "--kill-child"};
        if (pid1()) options.command.insert(options.command.begin(), unshare.begin(), unshare.end());
        return options;
    }

    /// leader's own process, once its command runs.
    static pid_t leaderOf(const Process& process) {
        return pid1() ? descendants(process.pid()).at(0) : process.pid();
    }
};

/// As /proc has it; 0 for a process that is none any more.
inline char stateOf(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(file, line)) return 0;
    return line.at(line.rfind(')') + 2);
}

inline bool gone(pid_t pid) {
    const char state = stateOf(pid);
    return state == 0 || state == 'Z' || state == 'X';
}

}  // namespace leader::test
