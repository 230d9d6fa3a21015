#include "common/status/columns.h"

#include <Poco/Unicode.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/printable.h"

namespace leader::status {
namespace {

using Poco::Unicode;

constexpr std::string_view kLeftOut = "..";

struct Range {
    int first;
    int last;
};

/// East_Asian_Width W and F (Unicode Standard Annex #11), but for single symbols among narrow ones.
constexpr std::array kWide = {
    Range{0x1100, 0x115f},   Range{0x2e80, 0x303e},   Range{0x3041, 0x4dbf},   Range{0x4e00, 0xa4c6},
    Range{0xa960, 0xa97c},   Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe10, 0xfe19},
    Range{0xfe30, 0xfe6b},   Range{0xff01, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x16fe0, 0x1b2fb},
    Range{0x1f200, 0x1f320}, Range{0x1f32d, 0x1f64f}, Range{0x1f680, 0x1f6fc}, Range{0x1f7e0, 0x1f7f0},
    Range{0x1f90c, 0x1f9ff}, Range{0x1fa70, 0x1faff}, Range{0x20000, 0x3fffd},
};
/// Vowels and final consonants of Hangul, which join the one before.
constexpr Range kJoiningHangul = {0x1160, 0x11ff};

std::size_t widthOf(const Character& character) {
    if (character.code < 0x300) return 1;
    const auto within = [&](const Range& range) {
        return range.first <= character.code && character.code <= range.last;
    };
    Unicode::CharacterProperties properties{};
    Unicode::properties(character.code, properties);
    if (properties.type == Unicode::UCP_NON_SPACING_MARK || properties.type == Unicode::UCP_ENCLOSING_MARK ||
        within(kJoiningHangul))
        return 0;
    return std::any_of(kWide.begin(), kWide.end(), within) ? 2 : 1;
}

std::string startOf(const std::string& text, std::size_t columns) {
    std::string start;
    for (const Character& character : charactersOf(text)) {
        const std::size_t width = widthOf(character);
        if (width > columns) break;
        columns -= width;
        start += character.bytes;
    }
    return start;
}

// Marks whose character does not fit are left out with it.
std::string endOf(const std::string& text, std::size_t columns) {
    const auto characters = charactersOf(text);
    std::size_t from = characters.size();
    for (std::size_t i = characters.size(); i-- > 0;) {
        const std::size_t width = widthOf(characters[i]);
        if (width > columns) break;
        columns -= width;
        if (width > 0) from = i;
    }
    std::string end;
    for (; from < characters.size(); ++from) end += characters[from].bytes;
    return end;
}

}  // namespace

std::size_t columnsOf(const std::string& text) {
    std::size_t columns = 0;
    for (const Character& character : charactersOf(text)) columns += widthOf(character);
    return columns;
}

std::string shortenedInTheMiddle(const std::string& text, std::size_t columns) {
    if (columnsOf(text) <= columns) return text;
    if (columns <= kLeftOut.size()) return startOf(text, columns);
    const std::size_t kept = columns - kLeftOut.size();
    const std::size_t tail = (kept + 1) / 2;
    return startOf(text, kept - tail) + std::string(kLeftOut) + endOf(text, tail);
}

std::string shortenedAtTheEnd(const std::string& text, std::size_t columns) {
    if (columnsOf(text) <= columns) return text;
    std::string claim = text.substr(0, text.find(": "));
    if (columnsOf(claim) <= columns) return claim;
    if (columns <= kLeftOut.size()) return startOf(claim, columns);
    return startOf(claim, columns - kLeftOut.size()) + std::string(kLeftOut);
}

}  // namespace leader::status
