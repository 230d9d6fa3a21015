#include "common/status/metrics.h"

#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "common/base/printable.h"

namespace leader::status {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

double inSeconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

double sinceEpoch(WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

std::string escapedLabel(const std::string& value) {
    std::string text;
    for (const char c : validUtf8(value)) {
        if (c == '\\' || c == '"') text += '\\';
        if (c == '\n')
            text += "\\n";
        else
            text += c;
    }
    return text;
}

std::string numberOf(double value) {
    std::array<char, 64> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

class Exposition {
  public:
    /// Begins a metric; its samples follow.
    Exposition& metric(const std::string& name, const char* type, const std::string& help) {
        name_ = name;
        text_ += "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
        return *this;
    }

    template <typename Number>
    Exposition& sample(Number value, const Labels& labels = {}, const std::string& suffix = "") {
        std::string inner;
        for (const auto& [name, label] : labels)
            inner += (inner.empty() ? "" : ",") + name + "=\"" + escapedLabel(label) + "\"";
        text_ += name_ + suffix + (inner.empty() ? "" : "{" + inner + "}") + " ";
        if constexpr (std::is_floating_point_v<Number>)
            text_ += numberOf(value);
        else
            text_ += std::to_string(value);
        text_ += "\n";
        return *this;
    }

    template <typename Number>
    void gauge(const std::string& name, const std::string& help, Number value) {
        metric(name, "gauge", help).sample(value);
    }
    template <typename Number>
    void counter(const std::string& name, const std::string& help, Number value) {
        metric(name, "counter", help).sample(value);
    }

    std::string text() { return std::move(text_); }

  private:
    std::string text_;
    std::string name_;
};

void addElection(Exposition& out, const Report& report) {
    const View* view = report.view();
    const Standing* leader = report.leader();
    if (view != nullptr)
        out.metric("leader_election_info", "gauge", "The group, and the name of its leader.")
            .sample(1, {{"group", view->group}, {"leader", leader != nullptr ? leader->candidate.name : ""}});
    out.gauge("leader_is_leader", "Whether this member leads.", report.role == Role::kLeader ? 1 : 0);
    out.gauge("leader_leader_known", "Whether it is known who leads.", leader != nullptr ? 1 : 0);
    constexpr Role kRoles[] = {Role::kLeader, Role::kFollower, Role::kUnknown};
    out.metric("leader_role", "gauge", "1 for the role of this member, 0 for the others.");
    for (const Role role : kRoles) out.sample(report.role == role ? 1 : 0, {{"role", nameOf(role)}});
    out.metric("leader_role_transitions_total", "counter", "Changes of this member's role, by the new one.");
    for (const Role role : kRoles)
        out.sample(report.transitions[static_cast<std::size_t>(role)], {{"role", nameOf(role)}});
    std::size_t eligible = 0;
    for (const Standing& standing : report.standings()) eligible += standing.eligible ? 1 : 0;
    out.gauge("leader_candidates", "Candidates in the group.", report.standings().size());
    out.gauge("leader_eligible_candidates", "Candidates that count.", eligible);
}

void addEngine(Exposition& out, const Report& report) {
    const EngineStatistics engine = report.seen ? report.seen->engine : EngineStatistics();
    if (report.age())
        out.gauge("leader_observation_age_seconds", "Time since the engine last vouched for what is known.",
                  inSeconds(*report.age()));
    out.gauge("leader_engine_up", "Whether the engine answered when last asked.",
              report.view() != nullptr && report.failure() == nullptr ? 1 : 0);
    out.counter("leader_engine_errors_total", "Times that the engine could not be asked.", engine.errors);
    out.metric("leader_engine_latency_seconds", "summary",
               "Time that the engine took to answer, without the waiting for a change.")
        .sample(inSeconds(engine.latency), {}, "_sum")
        .sample(engine.timedAnswers, {}, "_count");
}

void addCommand(Exposition& out, const CommandReport& command) {
    out.gauge("leader_command_running", "Whether the command runs.", command.running ? 1 : 0);
    if (command.started)
        out.gauge("leader_command_start_time_seconds", "When the command was last started, since the epoch.",
                  sinceEpoch(*command.started));
    out.counter("leader_command_restarts_total", "Starts of the command after the first.", command.restarts);
    out.metric("leader_command_exits_total", "counter",
               "Ends of the command, by its exit code (128 + the signal).");
    for (const auto& [code, count] : command.exits) out.sample(count, {{"code", std::to_string(code)}});
}

void addProxy(Exposition& out, const ProxyReport& proxy) {
    out.counter("leader_proxy_connections_total", "Clients accepted.", proxy.connections);
    out.counter("leader_proxy_refused_connections_total",
                "Clients reset as no leader accepted within the hold.", proxy.refused);
    out.counter("leader_proxy_cut_connections_total", "Clients reset as their leader led no more.",
                proxy.cut);
    out.gauge("leader_proxy_open_connections", "Clients connected to a leader.", proxy.open);
    out.gauge("leader_proxy_held_connections", "Clients waiting for a leader.", proxy.held);
    out.metric("leader_proxy_bytes_total", "counter", "Bytes forwarded.")
        .sample(proxy.bytesToLeader, {{"direction", "to_leader"}})
        .sample(proxy.bytesFromLeader, {{"direction", "from_leader"}});
}

void addProcess(Exposition& out, const ProcessStatistics& process) {
    if (process.residentBytes)
        out.gauge("process_resident_memory_bytes", "Resident memory.", *process.residentBytes);
    if (process.virtualBytes)
        out.gauge("process_virtual_memory_bytes", "Virtual memory.", *process.virtualBytes);
    if (process.openDescriptors)
        out.gauge("process_open_fds", "Open file descriptors.", *process.openDescriptors);
    if (process.mostDescriptors)
        out.gauge("process_max_fds", "File descriptors that may be open.", *process.mostDescriptors);
    if (process.cpuSeconds)
        out.counter("process_cpu_seconds_total", "Processor time, user and system.", *process.cpuSeconds);
    if (process.startTime)
        out.gauge("process_start_time_seconds", "When the process started, since the epoch.",
                  *process.startTime);
}

}  // namespace

std::string metricsOf(const Report& report, const ProcessStatistics& process) {
    Exposition out;
    addElection(out, report);
    addEngine(out, report);
    if (report.command) addCommand(out, *report.command);
    if (report.proxy) addProxy(out, *report.proxy);
    addProcess(out, process);
    return out.text();
}

}  // namespace leader::status
