#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace leader::test {

/// What a process holds of the machine, from /proc.
struct Footprint {
    std::string process;
    pid_t pid = 0;
    /// How many of each kind: "socket", "pipe", or what else they are of.
    std::map<std::string, long> descriptors{};
    long threads = 0;
    long zombies = 0;  ///< children that ended and were not waited for
    long anonymousKib = 0;
    long rssKib = 0;
    long pssKib = 0;

    long allDescriptors() const;
};

/// Nothing where there is no such process.
std::optional<Footprint> footprintOf(const std::string& process, pid_t pid);

/// The processes whose parent is `pid`, zombies too.
std::vector<pid_t> childrenOf(pid_t pid);

}  // namespace leader::test
