#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>

#include "cmd/output.h"
#include "cmd/shared_options.h"
#include "cmd/watching.h"
#include "common/cli/exit_codes.h"
#include "common/election/first_answer.h"
#include "common/status/report_json.h"
#include "common/status/table.h"

namespace leader {
namespace {

using status::Report;

const AppletHelp kStatusHelp = {
    "[OPTIONS]",
    "Shows who leads a service, who waits and why: a table for people, or JSON.",
    "Exit codes: 0 it is known who leads, 2 bad usage, 3 it is not, 70 leader itself cannot work, 128 + the "
    "signal that ended it.",
};

std::string variable(const Invocation& invocation, const std::string& name) {
    const auto found = invocation.environment.find(name);
    return found == invocation.environment.end() ? "" : found->second;
}

/// What COLUMNS says, or else the terminal; a file or a pipe has room for everything.
status::TableStyle styleFor(const Invocation& invocation) {
    status::TableStyle style;
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    winsize size{};
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
    const std::string columns = variable(invocation, "COLUMNS");
    std::from_chars(columns.data(), columns.data() + columns.size(), style.width);
    style.color =
        terminal && variable(invocation, "NO_COLOR").empty() && variable(invocation, "TERM") != "dumb";
    return style;
}

// Who leads can be seen without being a member; and that nobody does is an answer.
bool isTelling(const Outcome& outcome) {
    return outcome.leader || outcome.role != Role::kUnknown;
}

/// Asks once; what the engine could not say is in the report.
Report ask(Engine& engine, const SharedOptions& shared) {
    const auto answer = firstAnswer(engine, shared.healthyOnly, shared.engine.deadline, isTelling);
    auto seen = std::make_shared<Observation>();
    if (answer) {
        seen->view = answer->view;
        seen->outcome = answer->outcome;
    } else {
        seen->failure = answer.error();
    }
    return status::reportOf(std::move(seen), Clock::system().now(), {shared.engine.url});
}

int show(const Invocation& invocation, const Report& report, bool json) {
    if (!json && report.view() == nullptr)
        return fail(invocation, "cannot tell who leads: " + report.reason, exit_code::kCannotTell);
    const std::string text =
        json ? status::asLine(status::jsonOf(report)) + "\n" : status::tableOf(report, styleFor(invocation));
    if (const auto error = writeOut(text)) return cannotWriteOut(invocation, *error);
    return report.leader() != nullptr ? exit_code::kSuccess : exit_code::kCannotTell;
}

}  // namespace

int statusMain(const Invocation& invocation) {
    SharedOptions shared;
    shared.logLevel = log::Level::kError;
    Duration timeout = kDefaultTimeout;
    bool json = false;
    bool watch = false;
    cli::Options options = shared.options();
    options.push_back(serviceOption(shared));
    options.push_back(timeoutOption(timeout));
    options.push_back(cli::flag("json", "an object instead of a table, one a line", json));
    options.push_back(cli::flag("watch", "a line for each change, until it is ended", watch));
    const auto line = readOptions(invocation, options, kStatusHelp);
    if (const int* exitCode = std::get_if<int>(&line)) return *exitCode;
    const auto& words = std::get<cli::ParsedLine>(line).words;
    if (!words.empty()) return usageError(invocation, "unexpected word '" + words[0] + "'");

    shared.engine.needsRevision = true;
    shared.engine.addresses = true;
    if (watch) return watchStatus(invocation, shared, json);
    log::configure(invocation.program, shared.logLevel, shared.logFormat);
    shared.engine.deadline = Clock::system().now() + timeout;
    const Interrupt interrupt;
    const auto engine = makeEngine(shared.engine, interrupt);
    if (!engine) return usageError(invocation, engine.error().message);
    return show(invocation, ask(**engine, shared), json);
}

}  // namespace leader
