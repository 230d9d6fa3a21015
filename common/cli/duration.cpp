#include "common/cli/duration.h"

#include <array>
#include <cctype>

namespace leader::cli {
namespace {

struct Unit {
    const char* name;
    Duration length;
};

constexpr std::array kUnits = {Unit{"h", std::chrono::hours(1)}, Unit{"m", std::chrono::minutes(1)},
                               Unit{"s", std::chrono::seconds(1)}, Unit{"ms", std::chrono::milliseconds(1)}};
constexpr Duration kLongest = std::chrono::hours(24 * 3653);
// Enough for ten years in milliseconds, and far from the end of the type.
constexpr std::size_t kMaxDigits = 12;

Error notADuration(const std::string& text) {
    return {"'" + text + "' is not a duration; write 500ms, 2s or 1m30s"};
}

std::string takeWhile(const std::string& text, std::size_t& at, int (*matches)(int)) {
    const std::size_t start = at;
    while (at < text.size() && matches(static_cast<unsigned char>(text[at])) != 0) ++at;
    return text.substr(start, at - start);
}

}  // namespace

Result<Duration> parseDuration(const std::string& text) {
    Duration total{0};
    std::size_t at = 0;
    std::size_t nextUnit = 0;
    do {
        const std::string digits = takeWhile(text, at, std::isdigit);
        const std::string name = takeWhile(text, at, std::isalpha);
        while (nextUnit < kUnits.size() && name != kUnits[nextUnit].name) ++nextUnit;
        if (digits.empty() || digits.size() > kMaxDigits || nextUnit == kUnits.size())
            return notADuration(text);
        const auto count = std::stoll(digits);
        const Duration length = kUnits[nextUnit++].length;
        if (count > (kLongest - total) / length) return Error{"'" + text + "' is more than ten years"};
        total += count * length;
    } while (at < text.size());
    return total;
}

std::string formatDuration(Duration duration) {
    std::string text;
    for (const Unit& unit : kUnits) {
        if (const auto count = duration / unit.length; count > 0) text += std::to_string(count) + unit.name;
        duration %= unit.length;
    }
    return text.empty() ? "0s" : text;
}

}  // namespace leader::cli
