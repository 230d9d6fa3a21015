#pragma once

#include <cstddef>
#include <string>

/// What text takes on a terminal: two columns for the wide characters of East Asia and most emoji, none for
/// marks that combine with the character before.
namespace leader::status {

std::size_t columnsOf(const std::string& text);

/// At most `columns` of the text, with ".." for what is left out: in the middle, as the names of one service
/// differ at their ends.
std::string shortenedInTheMiddle(const std::string& text, std::size_t columns);
/// The same, for prose: up to a colon if that fits, else with its end left out.
std::string shortenedAtTheEnd(const std::string& text, std::size_t columns);

}  // namespace leader::status
