#pragma once

namespace leader {

/// Gives back the pages of code and constants that only the start needed, of the program and its libraries:
/// what is used from here on comes back from the kernel's cache. For a process that now waits for days.
void releaseStartupPages();

}  // namespace leader
