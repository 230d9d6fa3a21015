#pragma once

#include <cstdio>
#include <cstdlib>

namespace leader::fuzz {

/// Ends the run as a finding.
inline void expect(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

}  // namespace leader::fuzz
