#pragma once

#include <memory>
#include <string>

#include "common/election/view.h"
#include "common/metadata/service_snapshot.h"

namespace leader {

/// A service of Rancher's metadata as a view, observed now.
std::shared_ptr<const View> viewOf(const metadata::ServiceSnapshot& snapshot, const std::string& engine,
                                   const std::string& revision, bool onlooker);

/// The same view, vouched for now.
std::shared_ptr<const View> vouchedFor(const View& view);

}  // namespace leader
