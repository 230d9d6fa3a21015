#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace leader::test {

/// For what a test cannot go on without: what failed, and what errno says.
[[noreturn]] inline void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace leader::test
