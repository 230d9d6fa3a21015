// What the JSON gateway of etcd answers, a line an answer (LinePeer), and what the watch says behind them.

#include "common/election/etcd_client.h"
#include "common/election/etcd_election.h"
#include "common/election/rule.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/memory_transport.h"

namespace leader::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr int kMostNews = 1000;

void look(EtcdElection& election, bool onlooker) {
    const auto view = election.view("web-1");
    View seen = *view;
    seen.onlooker = onlooker;
    const Outcome outcome = elect(seen, false);
    const Candidate* leader = outcome.leaderCandidate();
    for (const Standing& standing : outcome.standings)
        expect(!standing.eligible || leader->createIndex <= standing.candidate.createIndex,
               "nobody eligible is before who leads");
}

void answer(std::string_view lines) {
    MemoryTransport::connect = [&lines]() -> std::unique_ptr<Peer> {
        if (lines.empty()) return {};
        return std::make_unique<LinePeer>(lines);
    };
    const Interrupt interrupt;
    EtcdClient client({MemoryTransport::origin(), MemoryTransport::origin()}, 10s, interrupt);
    EtcdElection election("web");
    const auto lease = client.grant(30s);
    expect(!lease || (lease->id > 0 && lease->ttl > Duration::zero()), "a lease that is granted is one");
    (void)client.keepAlive(1);
    const std::string key = election.keyOf(lease ? lease->id : 1);
    const auto state =
        client.create(key, EtcdIdentity{"web-1", "10.0.0.1", "1"}.toJson(), 1, election.prefix());
    if (state) election.join(key, *state, Instant(1h));
    look(election, false);
    if (const auto range = client.range(election.prefix())) {
        election.replace(*range, Instant(2h));
        client.watchFrom(range->revision + 1);
    }
    look(election, false);
    if (client.watch(election.prefix(), 30s)) return;
    for (int i = 0; i < kMostNews && client.gateway().watching(); ++i) {
        const auto news = client.news(Clock::system().now() + 1s);
        if (!news) {
            expect(!client.gateway().watching(), "an error ends the watch");
            break;
        }
        if (!news->has_value()) continue;
        election.apply(**news, Instant(3h));
        look(election, false);
    }
    (void)client.revoke(1);
    election.withdraw();
    look(election, true);
}

}  // namespace
}  // namespace leader::fuzz

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    leader::fuzz::answer({reinterpret_cast<const char*>(data), size});
    return 0;
}
