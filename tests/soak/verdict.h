#pragma once

#include <string>
#include <vector>

#include "tests/soak/footprint.h"

namespace leader::test {

/// By how much a process that is at rest may hold more than it did at rest before. All else is growth: of
/// descriptors not one of any kind.
struct Tolerance {
    /// The status server takes another thread when one has not gone back to the pool yet.
    static constexpr long kThreads = 1;
    /// glibc keeps 128 KiB at the end of a heap, and there are two in use, the loop's and the engine's; its
    /// caches of free blocks go on filling for some minutes.
    static constexpr long kMemoryKib = 256;
};

/// What each process held at each rest.
using Rests = std::vector<std::vector<Footprint>>;

struct Comparison {
    std::vector<Footprint> before;
    std::vector<Footprint> after;
};

/// The first rest and the last one, each process with the least memory that it had at one of the first
/// kMemoryRests and of the last. The heap gives some of what it once needed back only when it is used again;
/// what leaks stays, and is there at each rest.
Comparison compare(const Rests& rests);
constexpr std::size_t kMemoryRests = 5;

/// What a process holds more of than before, a sentence for each.
std::vector<std::string> growths(const Footprint& before, const Footprint& after);

/// The same of a process that was not there before: what must not be at any time.
std::vector<std::string> excesses(const Footprint& now);

}  // namespace leader::test
