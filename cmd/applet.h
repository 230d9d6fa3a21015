#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/cli/options.h"

namespace leader {

/// How an applet was called: the name for its messages ("leader-run"), the words after it, and the
/// environment.
struct Invocation {
    std::string program;
    std::vector<std::string> words;
    cli::Environment environment;
};

/// A row of the table of applets; `main` returns the process's exit code.
struct Applet {
    std::string name;
    std::string summary;
    int (*main)(const Invocation&);
};

int runMain(const Invocation& invocation);
int checkMain(const Invocation& invocation);
int statusMain(const Invocation& invocation);
int proxyMain(const Invocation& invocation);
/// `leader [OPTIONS] [--] COMMAND [ARG...]`, the form without an applet's name.
int ancestorMain(const Invocation& invocation);

/// As the last word it asks for the words that can follow the others.
inline constexpr const char* kCompletionFlag = "--generate-bash-completion";

/// What an applet says of itself in its help.
struct AppletHelp {
    std::string usage;
    std::string header;
    std::string footer;
};

/// What every applet does first: reads its options and answers --help, --version, --generate-bash-completion
/// and bad usage. Gives the line, or the exit code where that was all there was to do.
std::variant<cli::ParsedLine, int> readOptions(const Invocation& invocation, const cli::Options& options,
                                               const AppletHelp& help);

/// Writes one line on standard error, after the applet's name, and gives the exit code back.
int fail(const Invocation& invocation, const std::string& message, int exitCode);

/// The same with a hint at the help and the exit code of bad usage.
int usageError(const Invocation& invocation, const std::string& message);

}  // namespace leader
