#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/base/interrupt.h"
#include "common/base/result.h"
#include "common/election/view.h"

namespace leader {

/// What an Engine's leave() may take, all its tries together.
constexpr Duration kLeaveTime = std::chrono::milliseconds(4500);

/// A source of views: who the candidates are, in what order they came, which one this member is, and until
/// when that may be trusted. An engine that only observes answers from next(); one that holds a lease also
/// joins the election and renews in there, each renewal being a view with a later `validUntil`. One thread,
/// which is ended by the Interrupt that the engine was made with.
class Engine {
  public:
    using ViewOrError = Result<std::shared_ptr<const View>>;

    virtual ~Engine() = default;

    /// Waits until something has changed since the last call (the first call does not), or until the engine
    /// has vouched again for what it said; never longer than the heartbeat it was made with. An error says
    /// that nothing can be concluded now: the caller waits a little and calls again.
    virtual ViewOrError next() = 0;

    /// Waits before next() is called again after an error, less where trying again looks worthwhile sooner.
    virtual void waitToRetry(Duration longest) = 0;

    /// Gives the candidacy up, where there is one, so that the others need not wait for its end. Called last,
    /// when nothing of the command is left and the Interrupt is raised, which must not keep it from asking.
    /// Who called it does not wait for long.
    virtual void leave() {}
};

}  // namespace leader
