#pragma once

#include "common/election/engines.h"

namespace leader {

/// Takes part in, or looks on, the election that client-go's leaderelection holds on a Lease:
/// `kubernetes:[NAMESPACE/]NAME` in a pod, `kubernetes://HOST:PORT/NAMESPACE/NAME` elsewhere. The term is the
/// Lease's leaseTransitions.
Result<std::unique_ptr<Engine>> makeKubernetesEngine(const EngineOptions& options,
                                                     const Interrupt& interrupt);

}  // namespace leader
