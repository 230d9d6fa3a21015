#pragma once

#include "common/election/engines.h"

namespace leader {

/// Takes part in an election in etcd, or looks at one, at `etcd[s]://HOST[:PORT][,...]/NAME`: etcd's own
/// concurrency.Election, in which each candidate has a key under a lease. A candidate's views are valid until
/// its lease ends.
Result<std::unique_ptr<Engine>> makeEtcdEngine(const EngineOptions& options, const Interrupt& interrupt);

}  // namespace leader
