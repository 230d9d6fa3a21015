#pragma once

#include <cstddef>
#include <string>

/// Text from elsewhere, made fit to be shown: names, states and reasons come from the metadata, and whoever
/// can name a container must not be able to write to a terminal or to break a document.
namespace leader::status {

/// As it is but for control characters, invisible characters that change the direction of text, and bytes
/// that are not UTF-8: those are written as \xNN.
std::string printable(const std::string& text);

/// UTF-8 whatever it was: each byte that is not becomes U+FFFD.
std::string validUtf8(const std::string& text);

/// A JSON document with those characters in its strings that printable() would not show as \uXXXX.
std::string printableJson(const std::string& document);

/// The columns that UTF-8 text takes, a character each.
std::size_t columnsOf(const std::string& text);

/// At most `columns` of the text, with ".." for what is left out: in the middle, as the names of one service
/// differ at their ends.
std::string shortenedInTheMiddle(const std::string& text, std::size_t columns);
/// The same, for prose: up to a colon if that fits, else with its end left out.
std::string shortenedAtTheEnd(const std::string& text, std::size_t columns);

}  // namespace leader::status
