#include "common/status/routes.h"

#include <algorithm>
#include <array>

#include "common/base/printable.h"
#include "common/status/metrics.h"
#include "common/status/report_json.h"

namespace leader::status {
namespace {

constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr int kMethodNotAllowed = 405;
constexpr int kUnavailable = 503;

/// A line for whoever asks with curl.
std::string summaryOf(const Report& report) {
    std::string text = nameOf(report.role);
    if (!report.reason.empty()) text += ": " + report.reason;
    if (report.role == Role::kFollower)
        text += report.leader() != nullptr ? ": " + report.leader()->candidate.name + " leads"
                                           : ": no candidate counts";
    if (report.command) text += "; command " + report.command->state;
    if (report.stuck) text += "; the engine's thread hangs";
    return printable(text) + "\n";
}

Response check(const Report& report, bool passed) {
    return {passed ? kOk : kUnavailable, Response().type, summaryOf(report)};
}

bool leads(const Report& report) {
    return report.role == Role::kLeader && report.command && report.command->running;
}

bool follows(const Report& report) {
    return report.role == Role::kFollower;
}

Response answerLeader(const Report& report) {
    return check(report, leads(report));
}

Response answerFollower(const Report& report) {
    return check(report, follows(report));
}

// `leader proxy` has no command, and need be nobody itself: what it has to know is where to forward to.
bool forwards(const Report& report) {
    return !report.command && report.leader() != nullptr;
}

Response answerReadiness(const Report& report) {
    return check(report, report.role != Role::kUnknown || forwards(report));
}

Response answerLiveness(const Report& report) {
    return check(report, !report.stuck);
}

Response answerHealth(const Report& report) {
    const bool followsSomebody = follows(report) && report.leader() != nullptr;
    return check(report, leads(report) || followsSomebody || forwards(report));
}

Response answerMetrics(const Report& report) {
    return {kOk, kMetricsType, metricsOf(report, processStatistics())};
}

Response answerStatus(const Report& report) {
    return {kOk, "application/json", asLine(jsonOfProcess(report)) + "\n"};
}

struct Route {
    const char* path;
    Response (*answer)(const Report&);
};

constexpr std::array kRoutes = {
    Route{"/", answerStatus},           Route{"/leader", answerLeader},
    Route{"/primary", answerLeader},    Route{"/follower", answerFollower},
    Route{"/replica", answerFollower},  Route{"/readiness", answerReadiness},
    Route{"/liveness", answerLiveness}, Route{"/health", answerHealth},
    Route{"/metrics", answerMetrics},
};

}  // namespace

Response respond(const std::string& method, const std::string& target, const Report* report) {
    if (method != "GET" && method != "HEAD" && method != "OPTIONS")
        return {kMethodNotAllowed, Response().type, "only " + std::string(kMethods) + "\n"};
    const std::string path = target.substr(0, target.find('?'));
    const auto* const route = std::find_if(kRoutes.begin(), kRoutes.end(),
                                           [&](const Route& candidate) { return path == candidate.path; });
    if (route == kRoutes.end()) return {kNotFound, Response().type, "there is nothing here\n"};
    if (report == nullptr) return {kUnavailable, Response().type, "the event loop does not answer\n"};
    return route->answer(*report);
}

}  // namespace leader::status
