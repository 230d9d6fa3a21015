#include "common/base/log.h"

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/Formatter.h>
#include <Poco/JSON/Stringifier.h>
#include <Poco/Logger.h>
#include <Poco/Message.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <sstream>

#include "common/base/printable.h"

namespace leader::log {
namespace {

const char* nameOf(Poco::Message::Priority priority) {
    switch (priority) {
        case Poco::Message::PRIO_ERROR:
            return "error";
        case Poco::Message::PRIO_WARNING:
            return "warning";
        case Poco::Message::PRIO_DEBUG:
            return "debug";
        default:
            return "info";
    }
}

std::string timeOf(const Poco::Message& message) {
    return Poco::DateTimeFormatter::format(message.getTime(), "%Y-%m-%dT%H:%M:%S.%iZ");
}

class TextFormatter : public Poco::Formatter {
  public:
    void format(const Poco::Message& message, std::string& line) override {
        line = timeOf(message) + " " + message.getSource() + ": ";
        if (message.getPriority() <= Poco::Message::PRIO_WARNING)
            line += std::string(nameOf(message.getPriority())) + ": ";
        line += oneLine(message.getText());
    }
};

class JsonFormatter : public Poco::Formatter {
  public:
    void format(const Poco::Message& message, std::string& line) override {
        std::ostringstream out;
        out << "{\"time\":\"" << timeOf(message) << "\",\"level\":\"" << nameOf(message.getPriority())
            << "\",\"program\":";
        Poco::JSON::Stringifier::formatString(message.getSource(), out);
        out << ",\"message\":";
        Poco::JSON::Stringifier::formatString(validUtf8(message.getText()), out);
        out << "}";
        line = printableJson(out.str());
    }
};

// Poco's ConsoleChannel writes a line in pieces, and waits for whoever reads it.
class StandardErrorChannel : public Poco::Channel {
  public:
    explicit StandardErrorChannel(Poco::AutoPtr<Poco::Formatter> formatter)
        : formatter_(std::move(formatter)) {}

    void log(const Poco::Message& message) override {
        const std::lock_guard lock(mutex_);
        if (dropped_ > 0 && writeOne(noteOf(message.getSource()))) dropped_ = 0;
        if (dropped_ > 0 || !writeOne(message)) ++dropped_;
    }

  private:
    // What a pipe with any room at all takes at once, and in one piece (pipe(7), PIPE_BUF).
    static constexpr std::size_t kLongestLine = 4096;
    static constexpr std::string_view kLeftOut = "..";

    Poco::Message noteOf(const std::string& source) const {
        return {source, std::to_string(dropped_) + " lines were lost, as nobody read them",
                Poco::Message::PRIO_WARNING};
    }

    // It is the message that is shortened, so that the line stays what its format says.
    std::string lineOf(Poco::Message message) {
        for (std::string line;;) {
            formatter_->format(message, line);
            if (line.size() < kLongestLine) return line + '\n';
            const std::string& text = message.getText();
            message.setText(startOf(text, text.size() * kLongestLine / line.size()));
        }
    }

    /// Of the text, less than there is of it, and no part of a character at the end.
    static std::string startOf(const std::string& text, std::size_t length) {
        length = std::min(length, text.size() - 1);
        length -= std::min(length, kLeftOut.size());
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U) --length;
        return text.substr(0, length) + std::string(kLeftOut);
    }

    bool writeOne(const Poco::Message& message) {
        const std::string line = lineOf(message);
        pollfd errors{STDERR_FILENO, POLLOUT, 0};
        if (poll(&errors, 1, 0) == 0) return false;
        while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) continue;
        return true;
    }

    Poco::AutoPtr<Poco::Formatter> formatter_;
    std::mutex mutex_;
    std::size_t dropped_ = 0;
};

Poco::Message::Priority priorityOf(Level level) {
    switch (level) {
        case Level::kError:
            return Poco::Message::PRIO_ERROR;
        case Level::kWarning:
            return Poco::Message::PRIO_WARNING;
        case Level::kInfo:
            return Poco::Message::PRIO_INFORMATION;
        case Level::kDebug:
            return Poco::Message::PRIO_DEBUG;
    }
    return Poco::Message::PRIO_INFORMATION;
}

Poco::Logger*& current() {
    static Poco::Logger* logger = nullptr;
    return logger;
}

Format& currentFormat() {
    static Format format = Format::kText;
    return format;
}

Poco::Logger& logger() {
    if (current() == nullptr) configure("leader", Level::kWarning, Format::kText);
    return *current();
}

}  // namespace

void configure(const std::string& program, Level level, Format format) {
    Poco::AutoPtr<Poco::Formatter> formatter;
    if (format == Format::kText)
        formatter = new TextFormatter;
    else
        formatter = new JsonFormatter;
    const Poco::AutoPtr<Poco::Channel> channel(new StandardErrorChannel(formatter));
    Poco::Logger& logger = Poco::Logger::get(program);
    logger.setChannel(channel);
    logger.setLevel(priorityOf(level));
    current() = &logger;
    currentFormat() = format;
}

Format format() {
    return currentFormat();
}

std::string oneLine(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
    return printable(text);
}

void error(const std::string& message) {
    logger().error(message);
}
void warning(const std::string& message) {
    logger().warning(message);
}
void info(const std::string& message) {
    logger().information(message);
}
void debug(const std::string& message) {
    logger().debug(message);
}

}  // namespace leader::log
