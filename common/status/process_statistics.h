#pragma once

#include <cstdint>
#include <optional>

namespace leader::status {

/// This process as /proc shows it (proc(5)); nothing where it does not.
struct ProcessStatistics {
    std::optional<std::uint64_t> residentBytes;
    std::optional<std::uint64_t> virtualBytes;
    std::optional<std::uint64_t> openDescriptors;
    std::optional<std::uint64_t> mostDescriptors;
    std::optional<double> cpuSeconds;
    /// Since the epoch.
    std::optional<double> startTime;
};

/// Any thread.
ProcessStatistics processStatistics();

}  // namespace leader::status
