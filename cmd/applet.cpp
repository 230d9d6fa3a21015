#include "cmd/applet.h"

#include <algorithm>
#include <iostream>

#include "cmd/version.h"
#include "common/base/log.h"
#include "common/cli/exit_codes.h"

namespace leader {
namespace {

constexpr const char* kEnvironmentNote =
    "Each option can be set by an environment variable: --log-level by LEADER_LOG_LEVEL. The command line "
    "wins. Durations: 500ms, 2s, 1m30s.";

}  // namespace

std::variant<cli::ParsedLine, int> readOptions(const Invocation& invocation, const cli::Options& options,
                                               const AppletHelp& help) {
    std::vector<std::string> words = invocation.words;
    // Behind a `--` it is the command's own, as everything is.
    if (!words.empty() && words.back() == kCompletionFlag &&
        std::find(words.begin(), words.end(), "--") == words.end()) {
        words.pop_back();
        std::cout << cli::completions(options, words);
        return exit_code::kSuccess;
    }
    auto line = cli::parse(options, words, invocation.environment);
    if (!line) return usageError(invocation, line.error().message);
    if (line->help) {
        std::cout << cli::help(invocation.program + " " + help.usage, help.header, options,
                               help.footer + "\n" + kEnvironmentNote);
        return exit_code::kSuccess;
    }
    if (line->version) {
        std::cout << kVersion << "\n";
        return exit_code::kSuccess;
    }
    return *line;
}

int fail(const Invocation& invocation, const std::string& message, int exitCode) {
    // Who reads objects gets no other lines between them.
    if (log::format() == log::Format::kJson)
        log::error(message);
    else
        std::cerr << log::oneLine(invocation.program + ": " + message) + "\n";
    return exitCode;
}

int usageError(const Invocation& invocation, const std::string& message) {
    return fail(invocation, message + "; see " + invocation.program + " --help", exit_code::kUsage);
}

}  // namespace leader
