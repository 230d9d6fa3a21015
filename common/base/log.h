#pragma once

#include <string>

/// Lines on standard error: one write(2) each, so that lines of several processes do not mix. Any thread.
/// Nothing waits for a reader: lines that do not fit into a full pipe are dropped, and the next that does fit
/// comes after one that says how many.
namespace leader::log {

enum class Level { kError, kWarning, kInfo, kDebug };
enum class Format { kText, kJson };

/// To be called once, before the first line; until then only errors and warnings are written, as text.
/// `program` is the name that starts each line.
void configure(const std::string& program, Level level, Format format);

/// What configure() was told; text before.
Format format();

/// `text` with spaces for line breaks, and printable: what a message quotes from elsewhere must not make it
/// two, or write to a terminal.
std::string oneLine(std::string text);

void error(const std::string& message);
void warning(const std::string& message);
void info(const std::string& message);
void debug(const std::string& message);

}  // namespace leader::log
