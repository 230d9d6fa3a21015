#pragma once

namespace leader::test {

/// What some tests cannot have in a build of scripts/sanitize.
#ifdef LEADER_SANITIZE
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// The thread sanitizer makes a fork(2) of a vfork(2): what the child says of an execve(2) that failed stays
/// with it.
#ifdef LEADER_SANITIZE_THREAD
inline constexpr bool kVforkIsFork = true;
#else
inline constexpr bool kVforkIsFork = false;
#endif
inline constexpr const char* kWhyFork = "the thread sanitizer makes a fork(2) of a vfork(2)";

/// Threads that the runtime has of its own once a process has a second one.
inline constexpr long kRuntimesThreads = kVforkIsFork ? 1 : 0;

}  // namespace leader::test
