#pragma once

#include <string>

#include "common/base/result.h"

namespace leader::metadata {

/// A password or token from its file, without the end of its one line. `name` starts the errors, which never
/// quote what the file holds.
Result<std::string> readSecret(const std::string& name, const std::string& path);

}  // namespace leader::metadata
