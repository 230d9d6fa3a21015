#include <algorithm>
#include <utility>

#include "cmd/check.h"
#include "cmd/member.h"
#include "cmd/reporting.h"
#include "common/base/log.h"
#include "common/base/mailbox.h"
#include "common/base/resident.h"
#include "common/cli/duration.h"
#include "common/cli/exit_codes.h"
#include "common/election/watcher.h"
#include "common/supervisor/lease.h"
#include "common/supervisor/signals.h"

namespace leader {
namespace {

struct RunOptions {
    SharedOptions shared;
    SupervisorOptions supervisor;
    /// Zero: off.
    Duration maxStale{};
    bool ttlGiven = false;
    ProxyOptions proxy;
    StatusOptions status;

    cli::Options options();
};

// Below it an engine that is asked once a second could look stale between two answers.
constexpr Duration kLeastMaxStale = std::chrono::seconds(2);

// For giving the candidacy up. Whoever kills it before, as `docker stop` does 10 s after TERM, makes the
// others wait for the lease's end.
constexpr Duration kLeaveTimeout = std::chrono::seconds(5);

const AppletHelp kRunHelp = {
    "[OPTIONS] [--] COMMAND [ARG...]",
    "Waits until this member leads, then runs the command, and exits as it does.",
    "Exit codes: the command's, or 128 + the signal that ended it; 2 bad usage; 70 leader itself "
    "cannot work; 75 leadership lost with --on-loss exit; 126 the command cannot be executed; 127 it is not "
    "found.\n"
    "The command finds LEADER_GROUP, LEADER_NAME, LEADER_ADDRESS, LEADER_INDEX and LEADER_TERM in its "
    "environment.",
};

cli::Option stopSignalOption(int& target) {
    return {"stop-signal",
            "SIG",
            "what stops the command",
            signalName(target),
            {},
            false,
            [&target](const std::string& value) -> std::optional<Error> {
                const auto signal = parseSignal(value);
                if (!signal) return signal.error();
                if (defaultActionOf(*signal) == DefaultAction::kStop)
                    return Error{"'" + value + "' suspends a process and does not end it"};
                target = *signal;
                return {};
            }};
}

cli::Option expectExitOption(std::set<int>& target) {
    return {"expect-exit",
            "CODE",
            "this exit code of the command counts as 0",
            "",
            {},
            true,
            [&target](const std::string& value) -> std::optional<Error> {
                const auto code = parseExitCode(value);
                if (!code) return code.error();
                target.insert(*code);
                return {};
            }};
}

cli::Option maxStaleOption(Duration& target) {
    cli::Option option =
        cli::durationOrOff("max-stale", "stand down when the engine has not answered for this long", target);
    option.set = [set = option.set, &target](const std::string& value) -> std::optional<Error> {
        if (auto error = set(value)) return error;
        if (value != "off" && target < kLeastMaxStale)
            return Error{"'" + value + "' is less than 2s; write off to switch it off"};
        return {};
    };
    return option;
}

cli::Option ttlOption(Duration& ttl, bool& given) {
    cli::Option option =
        cli::duration("ttl", "with an engine that holds a lease: its length; renewed each third of it", ttl);
    option.set = [set = option.set, &given](const std::string& value) {
        given = true;
        return set(value);
    };
    return option;
}

cli::Option selfAddressOption(std::string& target) {
    return {"self-address",
            "IP",
            "with an engine that holds a lease: where the others reach this member",
            "the one it reaches the engine from",
            {},
            false,
            [&target](const std::string& value) -> std::optional<Error> {
                Poco::Net::IPAddress address;
                if (!Poco::Net::IPAddress::tryParse(value, address))
                    return Error{"'" + value + "' is no IP address"};
                target = value;
                return {};
            }};
}

cli::Options RunOptions::options() {
    cli::Options all = shared.options();
    const cli::Options own = {
        cli::flag("exec", "replace this process by the command instead of supervising it",
                  supervisor.replaceProcess),
        cli::enumeration(
            "on-loss", {"stand-down", "exit", "keep"},
            "on losing leadership stop the command and wait again, stop it and exit 75, or let it run",
            supervisor.onLoss),
        stopSignalOption(supervisor.stopSignal),
        cli::duration("grace-period", "from that signal to KILL", supervisor.gracePeriod),
        cli::flag("signal-group", "pass signals on to the command's whole process group",
                  supervisor.signalGroup),
        expectExitOption(supervisor.expectedExits),
        cli::duration("settle", "lead this long without a break before starting the command",
                      supervisor.settle),
        maxStaleOption(maxStale),
        ttlOption(shared.engine.ttl, ttlGiven),
        selfAddressOption(shared.engine.selfAddress),
        proxyPortOption(proxy.ports),
        statusAddressOption(status),
    };
    all.insert(all.end(), own.begin(), own.end());
    for (cli::Option& option : proxyOptions(proxy)) all.push_back(std::move(option));
    return all;
}

/// The command has the ports that listen on their target for as long as it runs. One that replaces this
/// process leaves nobody to serve its clients: they are reset, not left to an orderly end that would be none.
SupervisorHooks hooksFor(Proxy& proxy, bool replaceProcess, const std::function<void(int)>& end) {
    return {[&proxy, replaceProcess] {
                proxy.releaseSharedPorts();
                if (replaceProcess) proxy.resetClients();
            },
            [&proxy, end] {
                proxy.takeSharedPorts([end](const Error& error) {
                    log::error(error.message + ", for " + cli::formatDuration(Proxy::kTakeFor) + ": ending");
                    end(exit_code::kInternal);
                });
            },
            end};
}

/// What does not go with a lease, or only with one.
std::optional<Error> checkAgainstEngine(const RunOptions& options) {
    const EngineOptions& engine = options.shared.engine;
    if (!holdsLease(engine.url)) {
        if (options.ttlGiven) return Error{"--ttl: '" + engine.url + "' holds no lease, leave it out"};
        if (!engine.selfAddress.empty())
            return Error{"--self-address: '" + engine.url + "' knows its members' addresses, leave it out"};
        return {};
    }
    if (options.supervisor.replaceProcess)
        return Error{"--exec leaves nobody to renew the lease of '" + engine.url + "', leave it out"};
    if (options.supervisor.onLoss == OnLoss::kKeep)
        return Error{"--on-loss keep: nothing of the command may outlive the lease of '" + engine.url +
                     "'; choose stand-down or exit"};
    if (const auto error = checkLease(engine.ttl, options.supervisor.gracePeriod))
        return Error{"--ttl: " + error->message};
    return {};
}

int run(const Invocation& invocation, RunOptions options) {
    if (options.maxStale > Duration::zero()) options.shared.engine.heartbeat = options.maxStale / 3;
    makeRoomForStatus(options.status, options.shared.engine, options.proxy);
    options.shared.engine.candidate = true;
    options.shared.engine.addresses = !options.proxy.ports.empty();
    log::configure(invocation.program, options.shared.logLevel, options.shared.logFormat);
    Interrupt interrupt;
    auto engine = makeEngine(options.shared.engine, interrupt);
    if (!engine) return usageError(invocation, engine.error().message);
    if (const auto error = checkAgainstEngine(options)) return usageError(invocation, error->message);

    EventLoop loop;
    if (loop.failure()) return fail(invocation, loop.failure()->message, exit_code::kInternal);
    if (!options.proxy.ports.empty()) raiseDescriptorLimit();
    std::optional<Proxy> proxy(std::in_place, loop, options.proxy);
    if (const auto error = proxy->open()) return fail(invocation, error->message, exit_code::kInternal);
    std::optional<int> exitCode;
    const auto end = [&](int code) {
        exitCode = code;
        loop.stop();
    };
    Supervisor supervisor(loop, options.supervisor, hooksFor(*proxy, options.supervisor.replaceProcess, end));
    if (const auto error = supervisor.start()) return fail(invocation, error->message, error->exitCode);
    Member member(loop, supervisor, *proxy,
                  {options.shared.engine.url, options.maxStale, StatusOptions::kHeartbeat});
    Mailbox<Observation> mailbox(loop, [&](const auto& observation) {
        member.onObservation(observation);
        releaseStartupPages();
    });
    if (mailbox.failure()) return fail(invocation, mailbox.failure()->message, exit_code::kInternal);
    const auto status = StatusService::open(loop, options.status, [&] { return member.report(); });
    if (!status) return fail(invocation, status.error().message, exit_code::kInternal);
    Watcher watcher(std::move(*engine), interrupt, options.shared.healthyOnly,
                    [&](auto observation) { mailbox.post(std::move(observation)); });
    loop.run();
    proxy.reset();
    if (holdsLease(options.shared.engine.url) && !watcher.leave(kLeaveTimeout))
        log::warning("cannot tell the others within " + cli::formatDuration(kLeaveTimeout) +
                     ": the next one leads when the lease has ended");
    // The watcher may be looking up a name, which nothing can interrupt; there is nothing left to tidy up.
    std::_Exit(exitCode.value_or(exit_code::kInternal));
}

int runLine(const Invocation& invocation, RunOptions& options, const cli::ParsedLine& line) {
    if (line.words.empty()) return usageError(invocation, "no command to run");
    const auto& ports = options.proxy.ports;
    const auto own =
        std::find_if(ports.begin(), ports.end(), [](const PortMapping& port) { return !port.shared(); });
    if (own != ports.end() && options.supervisor.replaceProcess)
        return usageError(invocation, "--exec leaves nobody to serve --proxy-tcp-port " +
                                          std::to_string(own->listen) + ":" + std::to_string(own->target) +
                                          " while the command runs, leave one of them out");
    if (options.status.on && options.supervisor.replaceProcess)
        return usageError(
            invocation,
            "--exec leaves nobody to serve --status-address while the command runs, leave one of them out");
    options.supervisor.command = line.words;
    return run(invocation, options);
}

}  // namespace

int runMain(const Invocation& invocation) {
    RunOptions options;
    const auto line = readOptions(invocation, options.options(), kRunHelp);
    if (const int* exitCode = std::get_if<int>(&line)) return *exitCode;
    return runLine(invocation, options, std::get<cli::ParsedLine>(line));
}

int ancestorMain(const Invocation& invocation) {
    RunOptions options;
    bool asksOnly = false;
    cli::Options all = options.options();
    all.push_back(cli::flag("check", "exit 0 if this member leads, 1 otherwise, and run nothing", asksOnly));
    const auto line = readOptions(invocation, all, kRunHelp);
    if (const int* exitCode = std::get_if<int>(&line)) return *exitCode;
    const auto& words = std::get<cli::ParsedLine>(line).words;
    if (!asksOnly) return runLine(invocation, options, std::get<cli::ParsedLine>(line));
    if (!words.empty())
        return usageError(invocation, "--check runs nothing: unexpected word '" + words[0] + "'");
    const int exitCode = check(invocation, options.shared, kDefaultTimeout);
    return exitCode == exit_code::kCannotTell ? exit_code::kNotLeader : exitCode;
}

}  // namespace leader
