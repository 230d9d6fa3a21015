#include "cmd/watching.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "cmd/output.h"
#include "common/base/mailbox.h"
#include "common/cli/exit_codes.h"
#include "common/election/watcher.h"
#include "common/status/changes.h"
#include "common/status/report_json.h"

namespace leader {
namespace {

using status::Change;
using status::Report;

std::string textOf(const Report& report, const std::vector<Change>& changes) {
    const std::string time = status::formatTime(status::wallTimeOf(report.at));
    std::string lines;
    for (const Change& change : changes) lines += time + " " + status::describe(change) + "\n";
    return lines;
}

std::string jsonLineOf(const Report& report, const std::vector<Change>& changes) {
    Poco::JSON::Object::Ptr line(new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER));
    line->set("time", status::formatTime(status::wallTimeOf(report.at)));
    const Poco::JSON::Object::Ptr fields = status::jsonOf(report);
    for (const std::string& name : fields->getNames()) line->set(name, fields->get(name));
    Poco::JSON::Array::Ptr all(new Poco::JSON::Array);
    for (const Change& change : changes) all->add(status::jsonOf(change));
    line->set("changes", all);
    return status::asLine(line) + "\n";
}

/// Standard output: whole lines at once, and it notices when its reader has gone. The loop's thread.
class Output : public EventHandler {
  public:
    explicit Output(EventLoop& loop) : loop_(loop) {
        // A file cannot be watched, and has no reader that could go.
        watching_ = !loop_.watch(STDOUT_FILENO, 0, *this);
    }
    ~Output() override {
        if (watching_) loop_.unwatch(STDOUT_FILENO, *this);
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    void write(const std::string& text) {
        if (failure_) return;
        if (const auto error = writeOut(text)) end(*error);
    }
    void onEvents(std::uint32_t) override { end(EPIPE); }

    /// The errno value that ended it.
    int failure() const { return failure_.value_or(0); }

  private:
    void end(int error) {
        failure_ = error;
        loop_.stop();
    }

    EventLoop& loop_;
    bool watching_;
    std::optional<int> failure_;
};

// As process 1 their default would be to do nothing; and a line that nobody takes must not hold them up.
void endOnSignals() {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction action {};
        if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) continue;
        action.sa_handler = [](int number) { _exit(exit_code::kSignalBase + number); };
        sigaction(signal, &action, nullptr);
    }
}

}  // namespace

int watchStatus(const Invocation& invocation, const SharedOptions& shared, bool json) {
    endOnSignals();
    log::configure(invocation.program, shared.logLevel, shared.logFormat);
    Interrupt interrupt;
    auto engine = makeEngine(shared.engine, interrupt);
    if (!engine) return usageError(invocation, engine.error().message);
    EventLoop loop;
    if (loop.failure()) return fail(invocation, loop.failure()->message, exit_code::kInternal);

    Output output(loop);
    Report last = status::reportOf(nullptr, loop.now(), {shared.engine.url});
    Mailbox<Observation> mailbox(loop, [&](auto observation) {
        Report now = status::reportOf(std::move(observation), loop.now(), {shared.engine.url});
        const std::vector<Change> changes = status::changesBetween(last, now);
        if (!changes.empty()) output.write(json ? jsonLineOf(now, changes) : textOf(now, changes));
        last = std::move(now);
    });
    if (mailbox.failure()) return fail(invocation, mailbox.failure()->message, exit_code::kInternal);
    const Watcher watcher(std::move(*engine), interrupt, shared.healthyOnly,
                          [&](auto observation) { mailbox.post(std::move(observation)); });
    loop.run();
    // The watcher may be connecting, which nothing can interrupt.
    std::_Exit(cannotWriteOut(invocation, output.failure()));
}

}  // namespace leader
