#include "tests/soak/soak.h"

#include <algorithm>
#include <csignal>
#include <thread>

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kStep = 50ms;
/// From a failover, and the end of a fault, until all agree: an engine that failed is asked again within 5 s,
/// and the machine is busy.
constexpr auto kAgreeWithin = 30s;
constexpr auto kDrainWithin = 40s;
/// A command may start for a leadership that was over so long ago: a member may have been frozen meanwhile.
constexpr auto kOldest = 15s;
constexpr std::size_t kStoryTail = 8000;
/// Who leads while the fleet rests: one of those that are not compared.
constexpr int kLeaderAtRest = Fleet::kLiving;

std::string text(const std::set<int>& members) {
    std::string all;
    for (const int each : members) all += (all.empty() ? "" : ", ") + Fleet::nameOf(each);
    return all.empty() ? "nobody" : all;
}

}  // namespace

Soak::Soak(Fleet& fleet, std::uint64_t seed, const std::atomic<bool>& interrupted)
    : fleet_(fleet), random_(seed), interrupted_(interrupted), load_(fleet) {
    agree();
}

void Soak::run(Milliseconds time) {
    loaded_ = true;
    const auto end = Clock::now() + time;
    while (Clock::now() < end) round();
}

// Faults come alone, and the leader's command must not notice, or in the middle of a failover.
void Soak::round() {
    const bool together = chance(35);
    if (together) beginFault();
    failover();
    if (together) pass(between(200, 2000));
    if (together) endFault();
    agree();
    for (int i = 0; i < Fleet::kMembers; ++i) comeBack(i);
    steady(between(200, 1500));
    if (!chance(60)) return;
    beginFault();
    steady(between(500, 3000));
    endFault();
    steady(300ms);
}

void Soak::pass(Milliseconds time) {
    const auto end = Clock::now() + time;
    do step();
    while (Clock::now() < end);
}

void Soak::step() {
    if (interrupted_) throw Interrupted();
    if (loaded_) load_.tick();
    // As something that scrapes metrics does; the answer has no part in what is judged here.
    const auto scraped = static_cast<std::size_t>(++turn_ % 60);
    if (scraped < Fleet::kLiving) (void)fleet_.metric(scraped, "leader_is_leader");
    if (scraped == Fleet::kProxy) (void)fleet_.metric(scraped, "leader_is_leader");
    inspect();
    std::this_thread::sleep_for(kStep);
}

void Soak::inspect() {
    for (int i = 0; i < Fleet::kMembers; ++i)
        if (!fleet_.running(i) && ending_.count(i) == 0)
            throw Violation{Fleet::nameOf(i) + " ended by itself, with code " +
                            std::to_string(fleet_.process(i).exitCode().value_or(-1))};
    if (!fleet_.proxyRunning()) throw Violation{"the proxy ended by itself"};
    if (const auto found = fleet_.violations(); !found.empty()) throw Violation{found};
    const auto commands = fleet_.commands();
    const auto now = Clock::now();
    for (const int member : commands) {
        const pid_t pid = fleet_.commandOf(member);
        if (std::exchange(seen_[member], pid) == pid) continue;
        const auto led = fleet_.lastExpected(member);
        if (!led || now - *led > kOldest)
            throw Violation{Fleet::nameOf(member) + " starts a command and was not to lead"};
    }
    if (commands.size() > 1) {
        if (!overlapSince_) overlapSince_ = now;
        tally_.overlap += std::chrono::duration_cast<Milliseconds>(now - std::max(lastLook_, *overlapSince_));
        tally_.longestOverlap =
            std::max(tally_.longestOverlap, std::chrono::duration_cast<Milliseconds>(now - *overlapSince_));
    } else {
        overlapSince_.reset();
    }
    lastLook_ = now;
}

void Soak::agree(pid_t notThis) {
    // It has its lock before it has written who it is: until then the file tells of one that is dead.
    const auto agreed = [&] {
        const pid_t command = fleet_.commandOf(fleet_.expected());
        return fleet_.commands() == std::set<int>{fleet_.expected()} && command > 0 && command != notThis &&
               ::kill(command, 0) == 0;
    };
    const auto begin = Clock::now();
    while (!agreed()) {
        if (Clock::now() - begin > kAgreeWithin)
            throw Violation{"the command runs on " + text(fleet_.commands()) + " and not on " +
                            Fleet::nameOf(fleet_.expected()) + " alone"};
        step();
    }
    const auto took = std::chrono::duration_cast<Milliseconds>(Clock::now() - begin);
    tally_.slowest = std::max(tally_.slowest, took);
}

void Soak::steady(Milliseconds time) {
    const pid_t command = fleet_.commandOf(fleet_.expected());
    const auto end = Clock::now() + time;
    do {
        step();
        const auto commands = fleet_.commands();
        if (commands != std::set<int>{fleet_.expected()})
            throw Violation{"nothing changed, and the command runs on " + text(commands) + " instead of " +
                            Fleet::nameOf(fleet_.expected())};
        if (fleet_.commandOf(fleet_.expected()) != command)
            throw Violation{"nothing changed, and " + Fleet::nameOf(fleet_.expected()) +
                            " started its command anew"};
    } while (Clock::now() < end);
}

std::vector<Footprint> Soak::rest() {
    note("rest");
    loaded_ = false;
    load_.stop();
    for (int i = 0; i < Fleet::kMembers; ++i) fleet_.makeLast((kLeaderAtRest + i) % Fleet::kMembers);
    fleet_.publish();
    agree();
    return awaitDrained();
}

// At rest is who holds the same for two seconds, the memory apart, and has no connection to forward.
std::vector<Footprint> Soak::awaitDrained() {
    const auto deadline = Clock::now() + kDrainWithin;
    std::vector<Footprint> before;
    for (auto since = Clock::now(); Clock::now() < deadline; pass(500ms)) {
        auto now = fleet_.footprints();
        const bool same = std::equal(now.begin(), now.end(), before.begin(), before.end(),
                                     [](const Footprint& a, const Footprint& b) {
                                         return a.descriptors == b.descriptors && a.zombies == b.zombies;
                                     });
        before = now;
        bool forwards = false;
        for (const std::size_t each : {std::size_t{0}, std::size_t{1}, Fleet::kProxy})
            forwards = forwards || fleet_.metric(each, "leader_proxy_open_connections").value_or(1) > 0;
        if (!same || forwards) since = Clock::now();
        if (Clock::now() - since >= 2s) return now;
    }
    throw Violation{"without load the members do not come to rest within " +
                    std::to_string(std::chrono::seconds(kDrainWithin).count()) + " s"};
}

Soak::Milliseconds Soak::between(int least, int most) {
    return Milliseconds(least + static_cast<int>(random_() % static_cast<unsigned>(most - least + 1)));
}

void Soak::note(const std::string& what) {
    const auto at = std::chrono::duration_cast<Milliseconds>(Clock::now() - begin_).count();
    story_ += std::to_string(at / 1000) + "." + std::to_string(at % 1000 / 100) + " s: " + what + "\n";
    if (story_.size() > 2 * kStoryTail) story_.erase(0, story_.find('\n', story_.size() - kStoryTail) + 1);
}

}  // namespace leader::test
