#include "common/election/snapshot_view.h"

namespace leader {

std::shared_ptr<const View> viewOf(const metadata::ServiceSnapshot& snapshot, const std::string& engine,
                                   const std::string& revision, bool onlooker, Instant asked) {
    auto view = std::make_shared<View>();
    view->group = snapshot.stack + "/" + snapshot.service;
    view->engine = engine;
    view->revision = revision;
    view->selfUuid = snapshot.selfUuid;
    view->onlooker = onlooker;
    view->observedAt = Clock::system().now();
    view->latency = view->observedAt - asked;
    for (const metadata::Container& member : snapshot.members)
        view->candidates.push_back(
            {member.uuid, member.name, member.address, member.createIndex, member.state, member.health});
    return view;
}

std::shared_ptr<const View> vouchedFor(const View& view, std::optional<Duration> latency) {
    auto again = std::make_shared<View>(view);
    again->observedAt = Clock::system().now();
    again->latency = latency;
    return again;
}

}  // namespace leader
