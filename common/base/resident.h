#pragma once

namespace leader {

/// Gives back the pages of code and constants that only the start needed, of the program and its libraries:
/// what is used from here on comes back from the kernel's cache. For a process that now waits for days: a
/// member of the static build has 2.9 MiB resident instead of 4.0. Does nothing when called again.
void releaseStartupPages();

}  // namespace leader
