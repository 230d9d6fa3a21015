#include "common/cli/options.h"

#include <Poco/StringTokenizer.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "common/cli/duration.h"

namespace leader::cli {
namespace {

constexpr std::size_t kHelpWidth = 80;
constexpr std::size_t kHelpIndent = 28;

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : separator) + word;
    return all;
}

std::optional<Error> setFlag(const std::string& value, bool& target) {
    if (value == "true" || value == "1" || value == "yes" || value == "on")
        target = true;
    else if (value == "false" || value == "0" || value == "no" || value == "off")
        target = false;
    else
        return Error{"'" + value + "' is neither true nor false"};
    return {};
}

/// A word of the command line, taken apart.
struct Word {
    std::string name;
    std::optional<std::string> value;
};

// Not Poco's OptionProcessor: it would also take abbreviations, other cases, `--name:value`, and the next
// word for an empty value, which in front of somebody else's command line is too much guessing; and loading
// the library Util makes leader-check a tenth slower.
std::optional<Word> asOption(const std::string& word) {
    if (word.size() < 2 || word[0] != '-' || word == "--") return {};
    const std::size_t start = word[1] == '-' ? 2 : 1;
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) return Word{word.substr(start), {}};
    return Word{word.substr(start, equals - start), word.substr(equals + 1)};
}

const Option* find(const Options& options, const std::string& name) {
    const auto found =
        std::find_if(options.begin(), options.end(), [&](const Option& o) { return o.name == name; });
    return found == options.end() ? nullptr : &*found;
}

std::optional<Error> set(const Option& option, const std::string& value, const std::string& shownAs) {
    if (auto error = option.set(value)) return Error{shownAs + ": " + error->message};
    return {};
}

std::vector<std::string> valuesIn(const std::string& value, bool list) {
    if (!list) return {value};
    const Poco::StringTokenizer tokens(
        value, ", ", Poco::StringTokenizer::TOK_TRIM | Poco::StringTokenizer::TOK_IGNORE_EMPTY);
    return {tokens.begin(), tokens.end()};
}

std::optional<Error> setFromEnvironment(const Option& option, const Environment& environment) {
    const std::string variable = environmentVariable(option.name);
    const auto found = environment.find(variable);
    if (found == environment.end() || found->second.empty()) return {};
    for (const std::string& value : valuesIn(found->second, option.list))
        if (auto error = set(option, value, variable)) return error;
    return {};
}

std::string describe(const Option& option) {
    std::string text = option.help;
    if (!option.choices.empty()) text += ": " + joined(option.choices, ", ");
    if (option.list) text += "; repeatable";
    if (!option.defaultValue.empty()) text += " (default: " + option.defaultValue + ")";
    return text;
}

/// `text` with line breaks between its words, so that no line behind `indent` columns passes the help's
/// width.
std::string wrapped(const std::string& text, std::size_t indent) {
    std::string lines;
    std::size_t column = indent;
    std::istringstream words(text);
    for (std::string word; words >> word; column += word.size()) {
        if (column > indent && column + 1 + word.size() > kHelpWidth) {
            lines += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            lines += ' ';
            ++column;
        }
        lines += word;
    }
    return lines + "\n";
}

std::string paragraphs(const std::string& text) {
    std::string all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) all += (all.empty() ? "" : "\n") + wrapped(line, 0);
    return all;
}

}  // namespace

Option flag(const std::string& name, const std::string& help, bool& target) {
    return {name, "", help, target ? "on" : "off", {}, false, [&target](const std::string& value) {
                return setFlag(value, target);
            }};
}

Option text(const std::string& name, const std::string& argument, const std::string& help,
            std::string& target) {
    return {
        name, argument, help, target, {}, false, [&target](const std::string& value) -> std::optional<Error> {
            if (value.empty()) return Error{"the value is empty"};
            target = value;
            return {};
        }};
}

Option duration(const std::string& name, const std::string& help, Duration& target) {
    return {name,
            "D",
            help,
            formatDuration(target),
            {},
            false,
            [&target](const std::string& value) -> std::optional<Error> {
                const auto parsed = parseDuration(value);
                if (!parsed) return parsed.error();
                target = *parsed;
                return {};
            }};
}

Option durationOrOff(const std::string& name, const std::string& help, Duration& target) {
    Option option = duration(name, help, target);
    option.defaultValue = "off";
    option.set = [set = option.set, &target](const std::string& value) -> std::optional<Error> {
        if (value != "off") return set(value);
        target = Duration::zero();
        return {};
    };
    return option;
}

Option count(const std::string& name, const std::string& help, std::size_t least, std::size_t most,
             std::size_t& target) {
    return {name,
            "N",
            help,
            std::to_string(target),
            {},
            false,
            [least, most, &target](const std::string& value) -> std::optional<Error> {
                std::size_t number = 0;
                const char* end = value.data() + value.size();
                const auto [rest, error] = std::from_chars(value.data(), end, number);
                if (error != std::errc() || rest != end || number < least || number > most)
                    return Error{"'" + value + "' is no whole number from " + std::to_string(least) + " to " +
                                 std::to_string(most)};
                target = number;
                return {};
            }};
}

Option choice(const std::string& name, const std::vector<std::string>& choices, const std::string& help,
              std::size_t& target) {
    return {name,
            "WORD",
            help,
            choices[target],
            choices,
            false,
            [choices, &target](const std::string& value) -> std::optional<Error> {
                const auto found = std::find(choices.begin(), choices.end(), value);
                if (found == choices.end())
                    return Error{"'" + value + "' is none of " + joined(choices, ", ")};
                target = static_cast<std::size_t>(found - choices.begin());
                return {};
            }};
}

Environment currentEnvironment() {
    Environment environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string variable(*entry);
        const std::size_t equals = variable.find('=');
        if (equals != std::string::npos)
            environment.emplace(variable.substr(0, equals), variable.substr(equals + 1));
    }
    return environment;
}

std::string environmentVariable(const std::string& option) {
    std::string variable = "LEADER_";
    for (const char c : option)
        variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return variable;
}

Result<ParsedLine> parse(const Options& options, const std::vector<std::string>& words,
                         const Environment& environment) {
    ParsedLine line;
    std::vector<std::pair<const Option*, std::string>> given;
    std::size_t at = 0;
    for (; at < words.size(); ++at) {
        const auto word = asOption(words[at]);
        if (!word) break;
        line.help = word->name == "help" || word->name == "h";
        line.version = word->name == "version" || word->name == "v";
        if (line.help || line.version) return line;

        const Option* option = find(options, word->name);
        if (option == nullptr) return Error{"unknown option " + words[at]};
        std::string value = word->value.value_or("true");
        if (!option->argument.empty() && !word->value) {
            if (at + 1 == words.size()) return Error{words[at] + " needs a value (" + option->argument + ")"};
            value = words[++at];
        }
        given.emplace_back(option, value);
    }
    for (const Option& option : options) {
        const bool isGiven =
            std::any_of(given.begin(), given.end(), [&](const auto& pair) { return pair.first == &option; });
        if (isGiven) continue;
        if (auto error = setFromEnvironment(option, environment)) return *error;
    }
    for (const auto& [option, value] : given)
        if (auto error = set(*option, value, "--" + option->name)) return *error;
    if (at < words.size() && words[at] == "--") ++at;
    line.words.assign(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
    return line;
}

std::string completions(const Options& options, const std::vector<std::string>& words) {
    std::string lines;
    for (std::size_t at = 0; at < words.size(); ++at) {
        const auto word = asOption(words[at]);
        if (!word) return "";
        const Option* option = find(options, word->name);
        if (option == nullptr || option->argument.empty() || word->value || ++at < words.size()) continue;
        return option->choices.empty() ? "" : joined(option->choices, "\n") + "\n";
    }
    for (const Option& option : options) lines += "--" + option.name + "\n";
    return lines + "--help\n--version\n";
}

std::string help(const std::string& usage, const std::string& header, const Options& options,
                 const std::string& footer) {
    Options all = options;
    all.push_back({"help", "", "show this help", "", {}, false, {}});
    all.push_back({"version", "", "show the version", "", {}, false, {}});
    std::string text = "usage: " + usage + "\n\n" + paragraphs(header) + "\n";
    for (const Option& option : all) {
        std::string left = "  --" + option.name + (option.argument.empty() ? "" : " " + option.argument);
        left += left.size() + 2 <= kHelpIndent ? std::string(kHelpIndent - left.size(), ' ')
                                               : "\n" + std::string(kHelpIndent, ' ');
        text += left + wrapped(describe(option), kHelpIndent);
    }
    return text + "\n" + paragraphs(footer);
}

}  // namespace leader::cli
