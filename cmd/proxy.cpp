#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "cmd/proxying.h"
#include "cmd/reporting.h"
#include "common/base/mailbox.h"
#include "common/base/resident.h"
#include "common/cli/exit_codes.h"
#include "common/election/watcher.h"
#include "common/status/tracker.h"
#include "common/supervisor/inherited.h"
#include "common/supervisor/signals.h"

namespace leader {
namespace {

const AppletHelp kProxyHelp = {
    "[OPTIONS] [LISTEN:]TARGET...",
    "Forwards TCP ports to the leader of a service: whoever connects to LISTEN here reaches TARGET there.",
    "Exit codes: 128 + the signal that ended it; 2 bad usage; 70 leader itself cannot work, as where a "
    "port cannot be listened on.",
};

/// As process 1 of a container this one inherits orphans.
void reapOrphans() {
    while (waitpid(-1, nullptr, WNOHANG) > 0) continue;
}

/// Does what the signal does by default where it is not ignored, but for ending the process.
bool endsProxy(int signal) {
    if (signal == SIGCHLD) reapOrphans();
    if (sigismember(&inherited().ignored, signal) == 1) return false;
    if (defaultActionOf(signal) == DefaultAction::kStop) kill(getpid(), SIGSTOP);
    return defaultActionOf(signal) == DefaultAction::kTerminate;
}

int proxy(const Invocation& invocation, const SharedOptions& shared, const ProxyOptions& options,
          const StatusOptions& statusOptions) {
    log::configure(invocation.program, shared.logLevel, shared.logFormat);
    raiseDescriptorLimit();
    Interrupt interrupt;
    auto engine = makeEngine(shared.engine, interrupt);
    if (!engine) return usageError(invocation, engine.error().message);

    EventLoop loop;
    if (loop.failure()) return fail(invocation, loop.failure()->message, exit_code::kInternal);
    int signal = 0;
    const SignalReceiver signals(loop, [&](const signalfd_siginfo& info) {
        if (!endsProxy(static_cast<int>(info.ssi_signo))) return;
        signal = static_cast<int>(info.ssi_signo);
        loop.stop();
    });
    if (signals.failure()) return fail(invocation, signals.failure()->message, exit_code::kInternal);
    reapOrphans();
    std::optional<Proxy> proxy(std::in_place, loop, options);
    if (const auto error = proxy->open()) return fail(invocation, error->message, exit_code::kInternal);

    status::Tracker tracker({shared.engine.url, Duration::zero(), StatusOptions::kHeartbeat}, loop.now());
    Forwarder forwarder(*proxy);
    std::string leader;
    std::optional<Candidate> lastLeader;
    Mailbox<Observation> mailbox(loop, [&](const auto& observation) {
        releaseStartupPages();
        tracker.note(observation, loop.now());
        if (!observation->view) return;
        const Candidate* candidate = observation->outcome.leaderCandidate();
        const std::string now = candidate != nullptr ? candidate->name + " at " + candidate->address : "";
        if (now != leader)
            log::info((now.empty() ? "nobody leads: holding clients" : "forwarding to " + now) +
                      before(lastLeader, observation->outcome));
        leader = now;
        if (candidate != nullptr) lastLeader = *candidate;
        forwarder.forwardTo(candidate);
    });
    if (mailbox.failure()) return fail(invocation, mailbox.failure()->message, exit_code::kInternal);
    const auto status = StatusService::open(loop, statusOptions, [&] {
        status::Report report = tracker.report(loop.now());
        report.proxy = reportOf(*proxy);
        return report;
    });
    if (!status) return fail(invocation, status.error().message, exit_code::kInternal);
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
    StatusOptions status;
    cli::Options all = shared.options();
    all.push_back(serviceOption(shared));
    all.push_back(statusAddressOption(status));
    for (cli::Option& option : proxyOptions(options)) all.push_back(std::move(option));
    const auto line = readOptions(invocation, all, kProxyHelp);
    if (const int* exitCode = std::get_if<int>(&line)) return *exitCode;
    for (const std::string& word : std::get<cli::ParsedLine>(line).words) {
        if (word.starts_with("-"))
            return usageError(invocation, "the option " + word + " has to stand before the ports");
        if (const auto error = addPort(options.ports, word)) return usageError(invocation, error->message);
    }
    if (options.ports.empty()) return usageError(invocation, "no port to forward");
    shared.engine.addresses = true;
    makeRoomForStatus(status, shared.engine, options);
    return proxy(invocation, shared, options, status);
}

}  // namespace leader
