#include "common/supervisor/signals.h"

#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>

namespace leader {
namespace {

constexpr int kFirstRealTime = 32;

std::string upperCase(std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

std::optional<int> parseNumber(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) return {};
    return value;
}

// "RTMIN", "RTMIN+2", "RTMAX", "RTMAX-2".
std::optional<int> parseRealTime(std::string_view name) {
    const bool fromMax = name.substr(0, 5) == "RTMAX";
    if (!fromMax && name.substr(0, 5) != "RTMIN") return {};
    name.remove_prefix(5);
    int offset = 0;
    if (!name.empty()) {
        if (name[0] != (fromMax ? '-' : '+')) return {};
        const std::optional<int> number = parseNumber(name.substr(1));
        if (!number) return {};
        offset = *number;
    }
    if (offset > SIGRTMAX - SIGRTMIN) return {};
    return fromMax ? SIGRTMAX - offset : SIGRTMIN + offset;
}

std::optional<int> parseName(const std::string& name) {
    for (int signal = 1; signal < kFirstRealTime; ++signal) {
        const char* known = sigabbrev_np(signal);
        if (known != nullptr && name == known) return signal;
    }
    if (name == "IOT") return SIGABRT;
    if (name == "CLD") return SIGCHLD;
    if (name == "IO") return SIGIO;
    return parseRealTime(name);
}

}  // namespace

DefaultAction defaultActionOf(int signal) {
    switch (signal) {
        case SIGCHLD:
        case SIGCONT:
        case SIGURG:
        case SIGWINCH:
            return DefaultAction::kIgnore;
        case SIGSTOP:
        case SIGTSTP:
        case SIGTTIN:
        case SIGTTOU:
            return DefaultAction::kStop;
        default:
            return DefaultAction::kTerminate;
    }
}

std::string signalName(int signal) {
    if (signal >= SIGRTMIN && signal <= SIGRTMAX) {
        const int offset = signal - SIGRTMIN;
        return offset == 0 ? "RTMIN" : "RTMIN+" + std::to_string(offset);
    }
    const char* name = sigabbrev_np(signal);
    return name != nullptr ? name : std::to_string(signal);
}

Result<int> parseSignal(const std::string& text) {
    if (const std::optional<int> number = parseNumber(text)) {
        if ((*number >= 1 && *number < kFirstRealTime) || (*number >= SIGRTMIN && *number <= SIGRTMAX))
            return *number;
        return Error{"no signal has the number " + text};
    }
    std::string name = upperCase(text);
    if (name.rfind("SIG", 0) == 0) name.erase(0, 3);
    if (const std::optional<int> signal = parseName(name)) return *signal;
    return Error{"unknown signal '" + text + "': give a name (TERM, SIGUSR1, RTMIN+1) or a number"};
}

SignalReceiver::SignalReceiver(EventLoop& loop, Sink sink) : loop_(loop), sink_(std::move(sink)) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    fd_.reset(signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd_)
        failure_ = Error::fromErrno("cannot create a signalfd");
    else
        failure_ = loop_.watch(fd_.get(), EPOLLIN, *this);
}

SignalReceiver::~SignalReceiver() {
    if (fd_) loop_.unwatch(fd_.get(), *this);
}

// One batch an event: the descriptor stays readable while there is more, and others get their turn.
bool SignalReceiver::receive() {
    constexpr std::size_t kBatch = 64;
    std::array<signalfd_siginfo, kBatch> batch;
    const ssize_t bytes = read(fd_.get(), batch.data(), sizeof batch);
    if (bytes <= 0) return false;
    const auto own = static_cast<std::uint32_t>(getpid());
    for (std::size_t i = 0; i < static_cast<std::size_t>(bytes) / sizeof batch[0]; ++i)
        if (batch[i].ssi_signo == SIGCHLD || batch[i].ssi_pid != own) sink_(batch[i]);
    return true;
}

}  // namespace leader
