#include "cmd/check.h"

#include "common/cli/exit_codes.h"
#include "common/election/first_answer.h"

namespace leader {
namespace {

const AppletHelp kCheckHelp = {
    "[OPTIONS]",
    "Tells by its exit code whether this member leads: if leader-check; then … fi",
    "Exit codes: 0 it leads, 1 it does not, 2 bad usage, 3 it cannot be told (the reason is on standard "
    "error), 70 leader itself cannot work.",
};

}  // namespace

int checkMain(const Invocation& invocation) {
    SharedOptions shared;
    Duration timeout = kDefaultTimeout;
    cli::Options options = shared.options();
    options.push_back(serviceOption(shared));
    options.push_back(timeoutOption(timeout));
    const auto line = readOptions(invocation, options, kCheckHelp);
    if (const int* exitCode = std::get_if<int>(&line)) return *exitCode;
    const auto& words = std::get<cli::ParsedLine>(line).words;
    if (!words.empty()) return usageError(invocation, "unexpected word '" + words[0] + "'");
    return check(invocation, shared, timeout);
}

int check(const Invocation& invocation, SharedOptions shared, Duration timeout) {
    const Instant deadline = Clock::system().now() + timeout;
    shared.engine.deadline = deadline;
    const Interrupt interrupt;
    const auto engine = makeEngine(shared.engine, interrupt);
    if (!engine) return usageError(invocation, engine.error().message);

    const auto answer = firstAnswer(**engine, shared.healthyOnly, deadline);
    if (answer && answer->outcome.role == Role::kLeader) return exit_code::kSuccess;
    if (answer && answer->outcome.role == Role::kFollower) return exit_code::kNotLeader;
    const std::string reason = answer ? answer->outcome.reason : answer.error().message;
    return fail(invocation, "cannot tell who leads: " + reason, exit_code::kCannotTell);
}

}  // namespace leader
