#pragma once

#include "common/election/engines.h"

namespace leader {

/// Observes a service in an answers file, `file:PATH`. The file may be replaced or edited in place; what
/// cannot be read as a whole is an error, and the caller keeps its last view.
Result<std::unique_ptr<Engine>> makeFileEngine(const EngineOptions& options, const Interrupt& interrupt);

}  // namespace leader
