#include "common/election/rancher_engine.h"

#include <algorithm>

#include "common/election/snapshot_view.h"
#include "common/metadata/rancher_client.h"

namespace leader {
namespace {

using std::chrono::seconds;

// Between two polls of a server that answers a long poll at once, as old ones do.
constexpr Duration kPollFloor = seconds(1);
constexpr seconds kLongestPoll{60};
// A long poll may overrun by 5 s; where that is too long for the heartbeat, the version is asked each second.
constexpr seconds kShortestPoll{3};

class RancherEngine : public Engine {
  public:
    RancherEngine(const EngineOptions& options, const metadata::RancherUrl& url, const Interrupt& interrupt)
        : options_(options), interrupt_(interrupt), client_(url, interrupt) {
        client_.setDeadline(options.deadline);
    }

    ViewOrError next() override {
        auto result = view_ || options_.needsRevision ? nextVersion() : observe("");
        failed_ = !result;
        if (result) view_ = *result;
        return result;
    }

    void waitToRetry(Duration longest) override { interrupt_.wait(longest); }

  private:
    // The first view is read without asking for the version, which a member that only wants to know who leads
    // does not need; the second call catches up on it.
    ViewOrError nextVersion() {
        const Instant start = Clock::system().now();
        const bool asksAtOnce = failed_ || revision_.empty();
        const auto longest = std::min(kLongestPoll, std::chrono::duration_cast<seconds>(options_.heartbeat));
        const bool longPoll = !asksAtOnce && longest >= kShortestPoll;
        if (!asksAtOnce && !longPoll) interrupt_.wait(kPollFloor);
        const auto version = longPoll ? client_.awaitVersion(revision_, longest) : client_.version();
        if (!version) return version.error();
        if (*version != revision_) return observe(*version);
        const Duration took = Clock::system().now() - start;
        if (longPoll && took < kPollFloor) interrupt_.wait(kPollFloor - took);
        return vouchedFor(*view_, longPoll ? std::nullopt : std::optional(took));
    }

    ViewOrError observe(std::string revision) {
        const Instant asked = Clock::system().now();
        const auto snapshot = client_.service({options_.self, options_.service}, revision);
        if (!snapshot) return snapshot.error();
        revision_ = revision;
        return viewOf(*snapshot, options_.url, revision_, !options_.service.empty(), asked);
    }

    EngineOptions options_;
    const Interrupt& interrupt_;
    metadata::RancherClient client_;
    std::string revision_;
    std::shared_ptr<const View> view_;
    bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<Engine>> makeRancherEngine(const EngineOptions& options, const Interrupt& interrupt) {
    auto url = metadata::parseRancherUrl(options.url);
    if (!url) return url.error();
    if (url->tls) url->tls = options.tls;
    return std::unique_ptr<Engine>(std::make_unique<RancherEngine>(options, *url, interrupt));
}

}  // namespace leader
