#include "common/election/first_answer.h"

#include <algorithm>

#include "common/election/backoff.h"

namespace leader {
namespace {

// What polls in whole milliseconds gives up that much before its deadline.
constexpr Duration kGivenUpEarly = std::chrono::milliseconds(2);

}  // namespace

Result<Answer> firstAnswer(Engine& engine, bool healthyOnly, Instant deadline) {
    Backoff backoff;
    std::optional<Answer> last;
    std::optional<Error> error;
    for (;;) {
        const auto view = engine.next();
        if (view) {
            last = Answer{*view, elect(**view, healthyOnly)};
            if (last->outcome.role != Role::kUnknown) return *last;
        }
        const Duration left = deadline - Clock::system().now();
        // What the deadline itself cut off says less than what came before.
        if (!view && (left > kGivenUpEarly || !error)) error = view.error();
        if (left <= Duration::zero()) {
            if (last) return *last;
            return *error;
        }
        engine.waitToRetry(std::min(left, backoff.next()));
    }
}

}  // namespace leader
