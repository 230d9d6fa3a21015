#pragma once

#include "common/election/engine.h"
#include "common/election/rule.h"

namespace leader {

/// A view and what follows from it.
struct Answer {
    std::shared_ptr<const View> view;
    Outcome outcome;
};

inline bool roleIsKnown(const Outcome& outcome) {
    return outcome.role != Role::kUnknown;
}

/// Asks the engine until there is an answer that is `enough`. At `deadline` it gives the last view there was,
/// or else the engine's last error.
Result<Answer> firstAnswer(Engine& engine, bool healthyOnly, Instant deadline,
                           bool (*enough)(const Outcome&) = roleIsKnown);

}  // namespace leader
