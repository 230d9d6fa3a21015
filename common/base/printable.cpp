#include "common/base/printable.h"

#include <Poco/UTF8Encoding.h>
#include <Poco/Unicode.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace leader {
namespace {

using Poco::Unicode;

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

bool isShown(int code) {
    if (code >= ' ' && code <= '~') return true;
    if (code < ' ') return false;
    Unicode::CharacterProperties properties{};
    Unicode::properties(code, properties);
    switch (properties.type) {
        case Unicode::UCP_CONTROL:
        case Unicode::UCP_FORMAT:
        case Unicode::UCP_LINE_SEPARATOR:
        case Unicode::UCP_PARAGRAPH_SEPARATOR:
            return false;
        default:
            return true;
    }
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

std::string escapedUnit(unsigned unit) {
    std::array<char, 8> escape{};
    std::snprintf(escape.data(), escape.size(), "\\u%04x", unit & 0xffffU);
    return escape.data();
}

// Beyond U+FFFF it takes a pair of surrogates (RFC 8259, section 7).
std::string escapedJson(int code) {
    constexpr unsigned kFirstOfPairs = 0x10000;
    const auto point = static_cast<unsigned>(code);
    if (point < kFirstOfPairs) return escapedUnit(point);
    const unsigned offset = point - kFirstOfPairs;
    return escapedUnit(0xd800U + (offset >> 10)) + escapedUnit(0xdc00U + (offset & 0x3ffU));
}

/// `text` with `instead(character)` for those that are not shown.
template <typename Instead>
std::string withoutUnseen(std::string_view text, Instead instead) {
    std::string result;
    result.reserve(text.size());
    forEachCharacter(text, [&](const Character& character) {
        if (isShown(character.code))
            result += character.bytes;
        else
            result += instead(character);
    });
    return result;
}

}  // namespace

std::string printable(const std::string& text) {
    return withoutUnseen(text, [](const Character& character) { return escaped(character.bytes); });
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

std::string printableJson(const std::string& document) {
    return withoutUnseen(document, [](const Character& character) { return escapedJson(character.code); });
}

std::vector<Character> charactersOf(std::string_view text) {
    std::vector<Character> all;
    forEachCharacter(text, [&](const Character& character) { all.push_back(character); });
    return all;
}

}  // namespace leader
