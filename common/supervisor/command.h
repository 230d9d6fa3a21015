#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/cli/exit_codes.h"

namespace leader {

/// Entries to set in the command's environment on top of this process's own.
using Environment = std::vector<std::pair<std::string, std::string>>;

/// Why a command cannot be run, and the exit code that shells have for it.
struct CommandError {
    std::string message;
    int exitCode = exit_code::kNotExecutable;
};

/// Looks the command up in PATH as execvp(3) does and says why it could not be executed, as far as that can
/// be known beforehand. `argv` must not be empty.
std::optional<CommandError> checkCommand(const std::vector<std::string>& argv);

struct SpawnOptions {
    /// A descriptor of the terminal whose foreground group the command becomes; -1: none.
    int terminal = -1;
    /// KILL the command when this process ends. Not for PID 1, whose end takes all others with it.
    bool dieWithParent = false;
    /// The guard that is told of the command before its first instruction; -1: none.
    int guard = -1;
    /// With a guard: from then on the command is not executed any more.
    Instant notAfter = Instant::max();
};

struct Spawned {
    /// -1 where there is an error, and where it was too late.
    pid_t pid = -1;
    std::optional<CommandError> error;
    /// The guard was gone, which is the error: the command may be tried again with another one.
    bool guardGone = false;
};

/// Starts the command as leader of a process group of its own, with the signal mask, the signal dispositions
/// and the limits of inherited() and no descriptors but 0, 1 and 2. Returns when its execve(2) has been
/// decided, so that an error is reported here and not by the child.
Spawned spawnCommand(const std::vector<std::string>& argv, const Environment& environment,
                     const SpawnOptions& options);

/// Replaces this process by the command, which gets the same as with spawnCommand(). Returns only on failure.
CommandError execCommand(const std::vector<std::string>& argv, const Environment& environment);

/// Reads an exit code, 0 to 255.
Result<int> parseExitCode(const std::string& text);

}  // namespace leader
