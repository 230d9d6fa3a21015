#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace leader::cli {

/// One option of an applet. `set` stores the value and says what is wrong with it, if anything; flags get
/// "true" or "false". The makers below bind it to a variable, whose value then is the default.
struct Option {
    std::string name;
    /// What the value is called in the help; empty for a flag.
    std::string argument;
    std::string help;
    /// For the help; empty where there is none.
    std::string defaultValue;
    /// The only words that are allowed, for the completion; empty where any may be.
    std::vector<std::string> choices;
    /// May be given several times; `set` is called for each. The environment variable holds them with commas
    /// between.
    bool list = false;
    std::function<std::optional<Error>(const std::string&)> set;
};
using Options = std::vector<Option>;

Option flag(const std::string& name, const std::string& help, bool& target);
Option text(const std::string& name, const std::string& argument, const std::string& help,
            std::string& target);
Option duration(const std::string& name, const std::string& help, Duration& target);
/// `off`, the default, stores zero.
Option durationOrOff(const std::string& name, const std::string& help, Duration& target);
/// A whole number from `least` to `most`.
Option count(const std::string& name, const std::string& help, std::size_t least, std::size_t most,
             std::size_t& target);
/// Stores the index of the word in `choices`.
Option choice(const std::string& name, const std::vector<std::string>& choices, const std::string& help,
              std::size_t& target);
/// A `choice` whose words stand in the order of the enumeration's values.
template <typename Enum>
Option enumeration(const std::string& name, const std::vector<std::string>& choices, const std::string& help,
                   Enum& target) {
    auto index = static_cast<std::size_t>(target);
    Option option = choice(name, choices, help, index);
    option.set = [choices, &target](const std::string& value) -> std::optional<Error> {
        std::size_t chosen = 0;
        if (auto error = choice("", choices, "", chosen).set(value)) return error;
        target = static_cast<Enum>(chosen);
        return {};
    };
    return option;
}

using Environment = std::map<std::string, std::string>;
/// The process's environment.
Environment currentEnvironment();

/// `grace-period` is set by LEADER_GRACE_PERIOD.
std::string environmentVariable(const std::string& option);

struct ParsedLine {
    /// The words from the first that is no option on, `--` removed.
    std::vector<std::string> words;
    bool help = false;
    bool version = false;
};

/// Sets the options, first from the environment, then from the words, and stops at the first word that is not
/// an option. `--name value`, `--name=value`, `-name value` and `-name=value` mean the same; the last one of
/// several wins; names must be whole. An empty environment variable counts as unset, and so does that of an
/// option on the command line.
Result<ParsedLine> parse(const Options& options, const std::vector<std::string>& words,
                         const Environment& environment);

/// The options, or an option's values, that can follow `words`, one a line.
std::string completions(const Options& options, const std::vector<std::string>& words);

/// "usage: …", the header, a line or more an option with its default, and the footer.
std::string help(const std::string& usage, const std::string& header, const Options& options,
                 const std::string& footer);

}  // namespace leader::cli
