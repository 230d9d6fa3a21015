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
    /// The heap keeps what it has once needed, and a later peak can be higher than those of the first minute.
    static constexpr long kMemoryKib = 256;
};

/// What a process holds more of than before, a sentence for each.
std::vector<std::string> growths(const Footprint& before, const Footprint& after);

/// The same of a process that was not there before: what must not be at any time.
std::vector<std::string> excesses(const Footprint& now);

}  // namespace leader::test
