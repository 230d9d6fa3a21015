#pragma once

#include "common/election/engine.h"
#include "common/election/rule.h"

namespace leader {

/// A view and what follows from it.
struct Answer {
    std::shared_ptr<const View> view;
    Outcome outcome;
};

/// Asks the engine until the role is known. At `deadline` it gives the last view there was, with the role
/// unknown, or else the engine's last error.
Result<Answer> firstAnswer(Engine& engine, bool healthyOnly, Instant deadline);

}  // namespace leader
