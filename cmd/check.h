#pragma once

#include "cmd/shared_options.h"

namespace leader {

/// Asks once whether this member leads and gives the exit code of `leader-check`; what cannot be told is said
/// on standard error.
int check(const Invocation& invocation, SharedOptions shared, Duration timeout);

}  // namespace leader
