#include "common/status/report_json.h"

#include <Poco/JSON/Array.h>

#include <sstream>

#include "common/base/printable.h"

namespace leader::status {
namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

// Shared, as Poco copies values as a whole.
Object::Ptr ordered() {
    return new Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

template <typename T>
Var orNull(const std::optional<T>& value) {
    return value ? Var(*value) : Var();
}

double inRoundedSeconds(Duration duration) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration);
    return static_cast<double>(ms.count()) / 1000;
}

Object::Ptr candidateOf(const Standing& standing) {
    const Candidate& candidate = standing.candidate;
    Object::Ptr object = ordered();
    object->set("name", validUtf8(candidate.name));
    object->set("uuid", validUtf8(candidate.uuid));
    object->set("address", textOrNull(candidate.address));
    object->set("create_index", orNull(candidate.createIndex));
    object->set("state", textOrNull(candidate.state));
    object->set("health", textOrNull(candidate.health));
    object->set("eligible", standing.eligible);
    object->set("reason", validUtf8(standing.reason));
    return object;
}

Var candidateOrNull(const Standing* standing) {
    return standing != nullptr ? Var(candidateOf(*standing)) : Var();
}

Var secondsOrNull(const std::optional<Duration>& duration) {
    return duration ? Var(inRoundedSeconds(*duration)) : Var();
}

Var leaseOf(const Report& report) {
    const LeaseRecordView* lease = report.lease();
    if (lease == nullptr) return {};
    Object::Ptr object = ordered();
    object->set("holder", textOrNull(lease->holder));
    object->set("transitions", lease->transitions);
    object->set("duration_seconds", lease->duration.count());
    object->set("renew_time", textOrNull(lease->renewTime));
    object->set("renewed_seconds_ago", secondsOrNull(report.renewedAgo()));
    object->set("expires_in_seconds", secondsOrNull(report.expiresIn()));
    return object;
}

Var commandOf(const std::optional<CommandReport>& command) {
    if (!command) return {};
    Object::Ptr object = ordered();
    object->set("state", command->state);
    object->set("pid", orNull(command->pid));
    object->set("started", command->started ? Var(formatTime(*command->started)) : Var());
    object->set("restarts", command->restarts);
    return object;
}

Var proxyOf(const std::optional<ProxyReport>& proxy) {
    if (!proxy) return {};
    Array::Ptr ports(new Array);
    for (const ProxyReport::Port& port : proxy->ports) {
        Object::Ptr object = ordered();
        object->set("listen", port.listen);
        object->set("target", port.target);
        object->set("listening", port.listening);
        ports->add(object);
    }
    Object::Ptr object = ordered();
    object->set("ports", ports);
    object->set("connections", proxy->connections);
    object->set("open", proxy->open);
    object->set("held", proxy->held);
    object->set("refused", proxy->refused);
    object->set("cut", proxy->cut);
    object->set("bytes_to_leader", proxy->bytesToLeader);
    object->set("bytes_from_leader", proxy->bytesFromLeader);
    return object;
}

}  // namespace

Poco::JSON::Object::Ptr jsonOf(const Report& report) {
    const View* view = report.view();
    const Standing* leader = report.leader();
    Object::Ptr object = ordered();
    object->set("name", leader != nullptr ? Var(validUtf8(leader->candidate.name)) : Var());
    object->set("role", std::string(nameOf(report.role)));
    object->set("group", view != nullptr ? Var(validUtf8(view->group)) : Var());
    object->set("engine", validUtf8(report.engine));
    object->set("revision", textOrNull(view != nullptr ? view->revision : ""));
    object->set("age_seconds", secondsOrNull(report.age()));
    object->set("self", candidateOrNull(report.self()));
    object->set("leader", candidateOrNull(leader));
    Array::Ptr candidates(new Array);
    for (const Standing& standing : report.standings()) candidates->add(candidateOf(standing));
    object->set("candidates", candidates);
    object->set("reason", textOrNull(report.reason));
    object->set("error", textOrNull(report.failure() != nullptr ? report.failure()->message : ""));
    object->set("lease", leaseOf(report));
    return object;
}

Poco::JSON::Object::Ptr jsonOfProcess(const Report& report) {
    Object::Ptr object = jsonOf(report);
    object->set("command", commandOf(report.command));
    object->set("proxy", proxyOf(report.proxy));
    return object;
}

std::string asLine(const Poco::JSON::Object::Ptr& object) {
    std::ostringstream out;
    object->stringify(out);
    return printableJson(out.str());
}

Poco::Dynamic::Var textOrNull(const std::string& text) {
    return text.empty() ? Var() : Var(validUtf8(text));
}

}  // namespace leader::status
