#pragma once

namespace leader {

/// "leader 1.2.3 (commit 0123456789ab)", made at build time by commit.cmake.
extern const char* const kVersion;

}  // namespace leader
