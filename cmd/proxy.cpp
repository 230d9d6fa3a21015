#include <cstdlib>

#include "cmd/proxying.h"
#include "cmd/shared_options.h"
#include "common/base/mailbox.h"
#include "common/cli/exit_codes.h"
#include "common/election/watcher.h"
#include "common/supervisor/signals.h"

namespace leader {
namespace {

const AppletHelp kHelp = {
    "[OPTIONS] [LISTEN:]TARGET...",
    "Forwards TCP ports to the leader of a service: whoever connects to LISTEN here reaches TARGET there.",
    "Exit codes: 128 + the signal that ended it; 2 bad usage; 70 a port cannot be listened on.",
};

int proxy(const Invocation& invocation, const SharedOptions& shared, const ProxyOptions& options) {
    log::configure(invocation.program, shared.logLevel, shared.logFormat);
    raiseDescriptorLimit();
    Interrupt interrupt;
    auto engine = makeEngine(shared.engine, interrupt);
    if (!engine) return usageError(invocation, "--engine: " + engine.error().message);

    EventLoop loop;
    if (loop.failure()) return fail(invocation, loop.failure()->message, exit_code::kInternal);
    int signal = 0;
    const SignalReceiver signals(loop, [&](const signalfd_siginfo& info) {
        if (defaultActionOf(static_cast<int>(info.ssi_signo)) != DefaultAction::kTerminate) return;
        signal = static_cast<int>(info.ssi_signo);
        loop.stop();
    });
    if (signals.failure()) return fail(invocation, signals.failure()->message, exit_code::kInternal);
    std::optional<Proxy> proxy(std::in_place, loop, options);
    if (const auto error = proxy->open()) return fail(invocation, error->message, exit_code::kInternal);

    std::string leader;
    Mailbox<Observation> mailbox(loop, [&](const auto& observation) {
        if (observation->failure) return;
        const Candidate* candidate = observation->outcome.leaderCandidate();
        const std::string now = candidate != nullptr ? candidate->name + " at " + candidate->address : "";
        if (now != leader) log::info(now.empty() ? "nobody leads: holding clients" : "forwarding to " + now);
        leader = now;
        forwardTo(*proxy, candidate);
    });
    if (mailbox.failure()) return fail(invocation, mailbox.failure()->message, exit_code::kInternal);
    const Watcher watcher(std::move(*engine), interrupt, shared.healthyOnly,
                          [&](auto observation) { mailbox.post(std::move(observation)); });
    loop.run();
    proxy.reset();
    // The watcher may be looking up a name, which nothing can interrupt.
    std::_Exit(exit_code::kSignalBase + signal);
}

}  // namespace

int proxyMain(const Invocation& invocation) {
    SharedOptions shared;
    ProxyOptions options;
    cli::Options all = shared.options();
    all.push_back(serviceOption(shared));
    for (cli::Option& option : proxyOptions(options)) all.push_back(std::move(option));
    const auto line = readOptions(invocation, all, kHelp);
    if (const int* exitCode = std::get_if<int>(&line)) return *exitCode;
    for (const std::string& word : std::get<cli::ParsedLine>(line).words)
        if (const auto error = addPort(options.ports, word)) return usageError(invocation, error->message);
    if (options.ports.empty()) return usageError(invocation, "no port to forward");
    shared.engine.addresses = true;
    return proxy(invocation, shared, options);
}

}  // namespace leader
