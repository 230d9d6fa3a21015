// A service of five members and a proxy under load, with failovers and faults, for as long as asked; in the
// end those that lived all the time must hold what they held after the first minute.
//
//     leader-soak MINUTES [SEED]

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tests/soak/soak.h"
#include "tests/soak/verdict.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

std::atomic<bool> interrupted{false};

void print(const char* format, auto... values) {
    std::printf(format, values...);
    std::fflush(stdout);
}

void printMinute(int minute, const Soak& soak, const std::vector<Footprint>& now) {
    const Tally& tally = soak.tally();
    const Traffic& traffic = soak.traffic();
    print(
        "minute %d: %d failovers, %d kills, %d faults; %ld requests, %ld failed; %.2f GB in %ld transfers, "
        "%ld cut;",
        minute, tally.failovers, tally.kills, tally.faults, traffic.requests, traffic.failed,
        static_cast<double>(traffic.bytes) / 1e9, traffic.transfers, traffic.transfersCut);
    for (const Footprint& each : now)
        print(" %s %ld KiB %ld fds %ld threads%s", each.process.c_str(), each.anonymousKib,
              each.allDescriptors(), each.threads, &each == &now.back() ? "\n" : ",");
}

void printRow(const char* when, const Footprint& each) {
    print("%-10s %-7s %8d %12ld %8ld %8ld %10ld %8ld %8ld\n", each.process.c_str(), when, each.pid,
          each.allDescriptors(), each.threads, each.zombies, each.anonymousKib, each.rssKib, each.pssKib);
}

bool livesAllTheTime(std::size_t process) {
    return process < Fleet::kLiving || process == Fleet::kProxy;
}

void printTable(const std::vector<Footprint>& before, const std::vector<Footprint>& after) {
    print("%-10s %-7s %8s %12s %8s %8s %10s %8s %8s\n", "at rest", "", "pid", "descriptors", "threads",
          "zombies", "anon KiB", "RSS KiB", "PSS KiB");
    for (std::size_t i = 0; i < after.size(); ++i) {
        printRow("first", before[i]);
        printRow("last", after[i]);
    }
}

int judge(const std::vector<Footprint>& before, const std::vector<Footprint>& after) {
    bool grown = false;
    for (std::size_t i = 0; i < after.size(); ++i)
        for (const auto& each : livesAllTheTime(i) ? growths(before[i], after[i]) : excesses(after[i])) {
            print("%s\n", each.c_str());
            grown = true;
        }
    if (!grown) print("nothing grew\n");
    return grown ? 1 : 0;
}

void expectServed(const Traffic& before, const Traffic& now) {
    if (now.requests == before.requests) throw Soak::Violation{"no request was answered in this minute"};
    if (now.bytes == before.bytes) throw Soak::Violation{"no byte was transferred in this minute"};
}

int soak(Soak& soak, int minutes) {
    Rests rests;
    for (int minute = 1; minute <= minutes; ++minute) {
        const Traffic before = soak.traffic();
        soak.run(minute == 1 ? 60s : 55s);
        rests.push_back(soak.rest());
        expectServed(before, soak.traffic());
        printMinute(minute, soak, rests.back());
    }
    const Tally& tally = soak.tally();
    print(
        "agreement after %lld ms at the latest; two members' commands at once for %lld ms in all, %lld ms at "
        "the longest\n",
        static_cast<long long>(tally.slowest.count()), static_cast<long long>(tally.overlap.count()),
        static_cast<long long>(tally.longestOverlap.count()));
    const auto [before, after] = compare(rests);
    printTable(before, after);
    return judge(before, after);
}

int run(int minutes, std::uint64_t seed) {
    Fleet fleet;
    std::string story;
    try {
        Soak trial(fleet, seed, interrupted);
        try {
            return soak(trial, minutes);
        } catch (...) {
            story = trial.story();
            throw;
        }
    } catch (const Soak::Violation& violation) {
        print("%s%s\nwrong: %s\n", story.c_str(), fleet.logs().c_str(), violation.what.c_str());
        return 1;
    } catch (const Soak::Interrupted&) {
        print("interrupted\n");
        return 128 + SIGINT;
    }
}

}  // namespace
}  // namespace leader::test

int main(int argc, char** argv) {
    using namespace leader::test;
    const int minutes = argc >= 2 ? std::atoi(argv[1]) : 0;
    if (argc < 2 || argc > 3 || minutes < 2) {
        std::fputs("usage: leader-soak MINUTES [SEED], of at least 2 minutes\n", stderr);
        return 2;
    }
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, [](int) { interrupted = true; });
    const std::uint64_t seed = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : std::random_device()();
    print("seed %llu\n", static_cast<unsigned long long>(seed));
    try {
        return run(minutes, seed);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "leader-soak: %s\n", error.what());
        return 1;
    }
}
