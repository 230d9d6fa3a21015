#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace leader::cli {

/// Reads `500ms`, `2s`, `1m30s`, `2h`: whole numbers with the units h, m, s and ms, the largest first, each
/// at most once. A bare number has no unit and is refused; so is anything over ten years.
Result<Duration> parseDuration(const std::string& text);

/// The shortest text that parseDuration() reads as `duration`, to the millisecond: `1m30s`, `0s`.
std::string formatDuration(Duration duration);

}  // namespace leader::cli
