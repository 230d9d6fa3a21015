#include "tests/soak/verdict.h"

#include <algorithm>

namespace leader::test {
namespace {

std::string grown(const Footprint& of, const std::string& what, long before, long after, long most) {
    return of.process + " (pid " + std::to_string(of.pid) + "): " + what + " grew from " +
           std::to_string(before) + " to " + std::to_string(after) + ", at most " + std::to_string(most);
}

void takeLeastMemory(std::vector<Footprint>& of, const std::vector<Footprint>& rest) {
    for (std::size_t i = 0; i < of.size(); ++i) {
        if (rest[i].pid != of[i].pid || rest[i].anonymousKib >= of[i].anonymousKib) continue;
        of[i].anonymousKib = rest[i].anonymousKib;
        of[i].rssKib = rest[i].rssKib;
        of[i].pssKib = rest[i].pssKib;
    }
}

}  // namespace

Comparison compare(const Rests& rests) {
    Comparison compared{rests.front(), rests.back()};
    // No rest counts on both sides.
    const std::size_t window = std::min(kMemoryRests, rests.size() / 2);
    for (std::size_t i = 0; i < window; ++i) {
        takeLeastMemory(compared.before, rests[i]);
        takeLeastMemory(compared.after, rests[rests.size() - 1 - i]);
    }
    return compared;
}

std::vector<std::string> growths(const Footprint& before, const Footprint& after) {
    std::vector<std::string> found = excesses(after);
    if (before.pid != after.pid) {
        found.push_back(after.process + ": is another process than before, pid " + std::to_string(after.pid) +
                        " instead of " + std::to_string(before.pid));
        return found;
    }
    const auto judge = [&](const std::string& what, long was, long is, long most) {
        if (is > most) found.push_back(grown(after, what, was, is, most));
    };
    for (const auto& [kind, count] : after.descriptors) {
        const auto was = before.descriptors.find(kind);
        const long most = was == before.descriptors.end() ? 0 : was->second;
        judge("descriptors of " + kind, most, count, most);
    }
    judge("threads", before.threads, after.threads, before.threads + Tolerance::kThreads);
    judge("KiB of anonymous memory", before.anonymousKib, after.anonymousKib,
          before.anonymousKib + Tolerance::kMemoryKib);
    return found;
}

std::vector<std::string> excesses(const Footprint& now) {
    std::vector<std::string> found;
    if (now.zombies > 0)
        found.push_back(now.process + " (pid " + std::to_string(now.pid) + "): zombies, " +
                        std::to_string(now.zombies) + " of them");
    return found;
}

}  // namespace leader::test
