#pragma once

#include <chrono>
#include <cstdlib>
#include <thread>

namespace leader::test {

/// How long a test waits for something that should happen soon. LEADER_TEST_SLOWNESS (a factor, say 4)
/// stretches it on a slow or busy machine, or under a sanitizer.
inline std::chrono::milliseconds patience(std::chrono::milliseconds base = std::chrono::seconds(10)) {
    static const double factor = [] {
        const char* text = std::getenv("LEADER_TEST_SLOWNESS");
        const double value = text ? std::strtod(text, nullptr) : 1.0;
        return value >= 1.0 ? value : 1.0;
    }();
    return std::chrono::duration_cast<std::chrono::milliseconds>(base * factor);
}

/// Whether `condition` comes true before the deadline.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition,
                              std::chrono::milliseconds base = std::chrono::seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + patience(base);
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

}  // namespace leader::test
