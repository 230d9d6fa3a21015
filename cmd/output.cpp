#include "cmd/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "common/base/result.h"
#include "common/cli/exit_codes.h"

namespace leader {

std::optional<int> writeOut(const std::string& text) {
    for (std::size_t written = 0; written < text.size();) {
        const ssize_t n = ::write(STDOUT_FILENO, text.data() + written, text.size() - written);
        if (n >= 0) {
            written += static_cast<std::size_t>(n);
        } else if (errno == EAGAIN) {
            // Whoever shares the terminal or pipe has made it non-blocking for all.
            pollfd output{STDOUT_FILENO, POLLOUT, 0};
            ::poll(&output, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return {};
}

int cannotWriteOut(const Invocation& invocation, int error) {
    if (error == EPIPE) return exit_code::kSignalBase + SIGPIPE;
    return fail(invocation, Error::fromErrno("cannot write to standard output", error).message,
                exit_code::kInternal);
}

}  // namespace leader
