#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Text from elsewhere, made fit to be shown: names, states and reasons come from the metadata, and whoever
/// can name a container must not be able to write to a terminal or to break a document.
namespace leader {

/// As it is but for what cannot be seen (control and format characters, line separators) and bytes that are
/// not UTF-8: those are written as \xNN.
std::string printable(const std::string& text);

/// UTF-8 whatever it was: each byte that is not becomes U+FFFD.
std::string validUtf8(const std::string& text);

/// A JSON document with those characters in its strings that printable() would not show as \uXXXX.
std::string printableJson(const std::string& document);

struct Character {
    /// The code point, or negative for one byte that is not UTF-8.
    int code;
    std::string_view bytes;
};

/// `text` in pieces; it must outlive them.
std::vector<Character> charactersOf(std::string_view text);

}  // namespace leader
