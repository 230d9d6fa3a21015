#pragma once

#include <optional>
#include <string>

#include "cmd/applet.h"

namespace leader {

/// Writes all of it to standard output, however long that takes; the errno value where it cannot.
std::optional<int> writeOut(const std::string& text);

/// The exit code for that error, with a line on it; without one where it is only that nobody reads any more,
/// which is as if PIPE, which Poco blocks, had ended this process.
int cannotWriteOut(const Invocation& invocation, int error);

}  // namespace leader
