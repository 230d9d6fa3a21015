#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

/// What a test may do: root in a container, or while an image is built, is not almighty.
namespace leader::test {

/// Why there can be no pid namespaces (with a /proc of their own) here, or nothing.
inline std::optional<std::string> pidNamespacesUnavailable() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 ? 0 : errno);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) return "cannot fork";
    if (status == 0) return {};
    return std::string("no pid namespaces here: ") + std::strerror(WEXITSTATUS(status));
}

/// Whether this process may have `count` descriptors open; it may from now on, if so.
inline bool mayOpen(rlim_t count) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    if (limit.rlim_cur >= count) return true;
    limit.rlim_cur = limit.rlim_max;
    return limit.rlim_max >= count && ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

}  // namespace leader::test
