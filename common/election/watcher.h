#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "common/base/interrupt.h"
#include "common/election/engine.h"
#include "common/election/rule.h"

namespace leader {

/// How the engine has done since the watcher began.
struct EngineStatistics {
    std::uint64_t errors = 0;
    /// Answers that were not just waited for, and how long those took together.
    std::uint64_t timedAnswers = 0;
    Duration latency{};
    /// When the watcher last came round, whatever it brought.
    Instant cameRoundAt;
};

/// What the watcher hands on: the last view with what follows from it, and whether the engine still answers.
struct Observation {
    /// Null until the engine has answered once.
    std::shared_ptr<const View> view;
    Outcome outcome;
    /// Why the engine does not answer now; what is above is old then.
    std::optional<Error> failure;
    EngineStatistics engine;
};

/// Asks an engine again and again: at most ten times a second where it always has something new, with growing
/// pauses where it fails. One log line when it stops answering and one when it answers again.
class Watcher {
  public:
    using Post = std::function<void(std::shared_ptr<const Observation>)>;
    static constexpr Duration kLeastInterval = std::chrono::milliseconds(100);

    /// `post` is called on the watcher's thread, once for each answer and once for each failure.
    /// The engine was made with `interrupt`, which must outlive the watcher.
    Watcher(std::unique_ptr<Engine> engine, Interrupt& interrupt, bool healthyOnly, Post post);
    /// Waits for the thread: at most for a connection attempt under way.
    ~Watcher();
    /// Ends the watching and has the engine leave the election; waits for that at most `longest`, false if it
    /// has not come about by then. Once, and last.
    bool leave(Duration longest);
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

  private:
    void live();
    void watch();
    void report(const Engine::ViewOrError& answer);
    void count(const Engine::ViewOrError& answer);

    std::unique_ptr<Engine> engine_;
    Interrupt& interrupt_;
    bool healthyOnly_;
    Post post_;
    Observation last_;
    Instant failingSince_;
    std::atomic<bool> leaves_ = false;
    Interrupt ended_;
    std::thread thread_;
};

}  // namespace leader
