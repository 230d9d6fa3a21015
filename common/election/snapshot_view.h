#pragma once

#include <memory>
#include <string>

#include "common/election/view.h"
#include "common/metadata/service_snapshot.h"

namespace leader {

/// A service of Rancher's metadata as a view, observed now; it was asked for at `asked`.
std::shared_ptr<const View> viewOf(const metadata::ServiceSnapshot& snapshot, const std::string& engine,
                                   const std::string& revision, bool onlooker, Instant asked);

/// The same view, vouched for now; `latency` as in View.
std::shared_ptr<const View> vouchedFor(const View& view, std::optional<Duration> latency = {});

}  // namespace leader
