// What an API server answers, a line an answer (LinePeer), and what the watch of a Lease says behind them.

#include "common/election/kubernetes_client.h"
#include "common/election/kubernetes_election.h"
#include "common/election/rule.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/memory_transport.h"

namespace leader::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr int kMostNews = 1000;
const auto kWall = std::chrono::system_clock::time_point(std::chrono::hours(24 * 365 * 55));

/// Who leads may do so for as long as the lease is long, and no longer.
void look(KubernetesElection& election, Instant now) {
    const auto view = election.view("10.0.0.9", now);
    expect(view->candidates.size() <= 1, "a Lease has one holder");
    elect(*view, false);
    if (election.holds()) expect(election.validUntil() <= now + 30s, "a lease that is held has an end");
}

void learn(KubernetesElection& election, const std::optional<KubernetesLease>& lease, Instant now) {
    election.learn(lease, now, kWall);
    look(election, now);
    if (!lease) return;
    const std::string kept = lease->with(election.claim("10.0.0.1", now, leaseTime(kWall)), election.self());
    const auto again = KubernetesLease::parse(kept, "again");
    expect(again.ok(), "what is written can be read");
    expect(again->resourceVersion == lease->resourceVersion, "a change is made to what was read");
    election.learn(*again, now, kWall);
    look(election, now);
    if (election.holds()) parseLeaseTime(election.renewal(leaseTime(kWall)).renewTime);
}

void answer(std::string_view lines) {
    MemoryTransport::connect = [&lines]() -> std::unique_ptr<Peer> {
        if (lines.empty()) return {};
        return std::make_unique<LinePeer>(lines);
    };
    const Interrupt interrupt;
    KubernetesClient client({MemoryTransport::origin(), "default", "web", ""}, 10s, interrupt);
    KubernetesElection election({"web-1", "10.0.0.1", "1"}, 30s);
    const Instant start{1h};
    const auto lease = client.get();
    if (lease) learn(election, *lease, start);
    const auto created =
        client.create(election.claim("10.0.0.1", start + 1s, leaseTime(kWall)), election.self());
    if (created) learn(election, *created, start + 1s);
    if (const auto& known = election.lease()) {
        const auto updated = client.update(*known, election.release(leaseTime(kWall)), {});
        if (updated) learn(election, *updated, start + 2s);
    }
    (void)client.addressOfPod("web-1_x/y");
    if (client.watch(election.lease() ? election.lease()->resourceVersion : "")) return;
    for (int i = 0; i < kMostNews && client.watching(); ++i) {
        const auto news = client.news(Clock::system().now() + 1s);
        if (!news) {
            expect(!client.watching(), "an error ends the watch");
            break;
        }
        if (!news->has_value()) continue;
        const bool tells =
            (*news)->kind == LeaseNews::Kind::kChanged || (*news)->kind == LeaseNews::Kind::kDeleted;
        expect((*news)->kind != LeaseNews::Kind::kChanged || (*news)->lease.has_value(),
               "a change has a Lease");
        if (tells) learn(election, (*news)->lease, start + 3s);
    }
}

}  // namespace
}  // namespace leader::fuzz

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    leader::fuzz::answer({reinterpret_cast<const char*>(data), size});
    return 0;
}
