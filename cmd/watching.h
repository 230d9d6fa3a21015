#pragma once

#include "cmd/shared_options.h"

namespace leader {

/// `leader-status --watch`: prints each change until it is ended by a signal or nobody reads it any more, and
/// gives the exit code.
int watchStatus(const Invocation& invocation, const SharedOptions& shared, bool json);

}  // namespace leader
