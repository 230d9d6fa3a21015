#pragma once

#include "common/election/engines.h"

namespace leader {

/// Observes a service in Rancher Metadata at `http[s]://HOST[:PORT]/[VERSION]`. It holds no lease: two
/// members that see different versions of the metadata can both lead for a moment.
Result<std::unique_ptr<Engine>> makeRancherEngine(const EngineOptions& options, const Interrupt& interrupt);

}  // namespace leader
