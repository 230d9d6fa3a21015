#include "common/status/printable.h"

#include <Poco/UTF8Encoding.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

namespace leader::status {
namespace {

constexpr std::string_view kLeftOut = "..";

struct Character {
    /// The code point, or negative for one byte that is not UTF-8.
    int code;
    std::string_view bytes;
};

Character firstOf(std::string_view text) {
    if (text[0] >= ' ' && text[0] <= '~') return {text[0], text.substr(0, 1)};
    static const Poco::UTF8Encoding utf8;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    const int length = std::clamp(utf8.sequenceLength(bytes, 1), 1, 4);
    const auto size = static_cast<std::size_t>(length);
    if (size > text.size() || !Poco::UTF8Encoding::isLegal(bytes, length)) return {-1, text.substr(0, 1)};
    return {utf8.queryConvert(bytes, length), text.substr(0, size)};
}

template <typename Visit>
void forEachCharacter(std::string_view text, Visit visit) {
    while (!text.empty()) {
        const Character first = firstOf(text);
        visit(first);
        text.remove_prefix(first.bytes.size());
    }
}

std::vector<Character> charactersOf(std::string_view text) {
    std::vector<Character> all;
    forEachCharacter(text, [&](const Character& character) { all.push_back(character); });
    return all;
}

bool isShown(int code) {
    const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const bool separator = code == 0x2028 || code == 0x2029;
    const bool direction = code == 0x61c || code == 0x200e || code == 0x200f ||
                           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return !control && !separator && !direction;
}

std::string escaped(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += "\\x";
        text += kDigits[byte >> 4];
        text += kDigits[byte & 0xf];
    }
    return text;
}

std::string joined(const std::vector<Character>& characters, std::size_t from, std::size_t count) {
    std::string text;
    for (std::size_t i = from; i < from + count; ++i) text += characters[i].bytes;
    return text;
}

}  // namespace

std::string printable(const std::string& text) {
    std::string result;
    forEachCharacter(text, [&](const Character& character) {
        if (isShown(character.code))
            result += character.bytes;
        else
            result += escaped(character.bytes);
    });
    return result;
}

std::string validUtf8(const std::string& text) {
    std::string result;
    forEachCharacter(text, [&](const Character& character) {
        if (character.code < 0)
            result += "\xef\xbf\xbd";
        else
            result += character.bytes;
    });
    return result;
}

// What JSON itself does not escape is all below U+10000.
std::string printableJson(const std::string& document) {
    std::string result;
    result.reserve(document.size());
    std::array<char, 8> escape{};
    forEachCharacter(document, [&](const Character& character) {
        if (isShown(character.code)) {
            result += character.bytes;
        } else {
            std::snprintf(escape.data(), escape.size(), "\\u%04x",
                          static_cast<unsigned>(character.code) & 0xffffU);
            result += escape.data();
        }
    });
    return result;
}

std::size_t columnsOf(const std::string& text) {
    std::size_t count = 0;
    forEachCharacter(text, [&](const Character&) { ++count; });
    return count;
}

std::string shortenedInTheMiddle(const std::string& text, std::size_t columns) {
    const auto characters = charactersOf(text);
    if (characters.size() <= columns) return text;
    if (columns <= kLeftOut.size()) return joined(characters, 0, columns);
    const std::size_t kept = columns - kLeftOut.size();
    const std::size_t tail = (kept + 1) / 2;
    return joined(characters, 0, kept - tail) + std::string(kLeftOut) +
           joined(characters, characters.size() - tail, tail);
}

std::string shortenedAtTheEnd(const std::string& text, std::size_t columns) {
    if (columnsOf(text) <= columns) return text;
    std::string claim = text.substr(0, text.find(": "));
    if (columnsOf(claim) <= columns) return claim;
    if (columns <= kLeftOut.size()) return joined(charactersOf(claim), 0, columns);
    return joined(charactersOf(claim), 0, columns - kLeftOut.size()) + std::string(kLeftOut);
}

}  // namespace leader::status
