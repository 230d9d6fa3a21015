#pragma once

#include <gtest/gtest.h>

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

inline std::string placeName(const ::testing::TestParamInfo<Place>& place) {
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

}  // namespace leader::test
