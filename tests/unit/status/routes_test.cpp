#include "common/status/routes.h"

#include "tests/unit/status/reports.h"

namespace leader::status::test {
namespace {

int codeOf(const std::string& path, const Report& report, const std::string& method = "GET") {
    return respond(method, path, &report).code;
}

Report running(const std::string& self, const std::string& state) {
    Report result = withProcess(report(sampleView(self)));
    result.command->state = state;
    result.command->running = state == "running";
    return result;
}

Report leaderless() {
    View view = sampleView("uuid-1");
    view.candidates.resize(1);
    Report result = withProcess(report(view));
    result.command->state = "waiting";
    result.command->running = false;
    return result;
}

Report forwarding(Report report) {
    report.command.reset();
    return report;
}

Report stuck() {
    Report result = running("uuid-2", "running");
    result.stuck = true;
    return result;
}

struct Case {
    const char* name;
    Report report;
    bool leader, follower, readiness, health, liveness;
};

TEST(Routes, AnswerAsPatroniDoes) {
    const Case cases[] = {
        {"a leader whose command runs", running("uuid-2", "running"), true, false, true, true, true},
        {"one that settles", running("uuid-2", "settling"), false, false, true, false, true},
        {"one whose command is being stopped", running("uuid-2", "stopping"), false, false, true, false,
         true},
        {"a follower", running("uuid-3", "waiting"), false, true, true, true, true},
        {"a follower whose command runs on", running("uuid-3", "running"), false, true, true, true, true},
        {"a follower of nobody", leaderless(), false, true, true, false, true},
        {"one that cannot tell who it is", running("", "waiting"), false, false, false, false, true},
        {"one that has heard nothing", unanswered("down"), false, false, false, false, true},
        {"one whose watcher hangs", stuck(), true, false, true, true, false},
        {"a proxy beside a leader", forwarding(report(sampleView("uuid-2"))), false, false, true, true, true},
        {"a proxy beside a follower", forwarding(report(sampleView("uuid-3"))), false, true, true, true,
         true},
        {"a proxy that is nobody itself", forwarding(report(sampleView(""))), false, false, true, true, true},
        {"a proxy of a service without a leader", forwarding(leaderless()), false, true, true, false, true},
    };
    for (const Case& each : cases) {
        SCOPED_TRACE(each.name);
        const auto code = [](bool yes) { return yes ? 200 : 503; };
        for (const std::string method : {"GET", "HEAD", "OPTIONS"}) {
            EXPECT_EQ(code(each.leader), codeOf("/leader", each.report, method));
            EXPECT_EQ(code(each.leader), codeOf("/primary", each.report, method));
            EXPECT_EQ(code(each.follower), codeOf("/follower", each.report, method));
            EXPECT_EQ(code(each.follower), codeOf("/replica", each.report, method));
            EXPECT_EQ(code(each.readiness), codeOf("/readiness", each.report, method));
            EXPECT_EQ(code(each.health), codeOf("/health", each.report, method));
            EXPECT_EQ(code(each.liveness), codeOf("/liveness", each.report, method));
            EXPECT_EQ(200, codeOf("/", each.report, method));
            EXPECT_EQ(200, codeOf("/metrics", each.report, method));
        }
    }
}

TEST(Routes, AnythingElseIs404AndAnyOtherMethod405) {
    const Report report = running("uuid-2", "running");
    for (const std::string path : {"", "/leader/", "/Leader", "//", "/../leader", "/%6ceader", "*",
                                   "/metrics/x", "http://leader/leader"})
        EXPECT_EQ(404, codeOf(path, report)) << path;
    for (const std::string method : {"POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "get", "RESTART"})
        EXPECT_EQ(405, codeOf("/leader", report, method)) << method;
}

TEST(Routes, AQueryChangesNothing) {
    const Report report = running("uuid-2", "running");
    EXPECT_EQ(200, codeOf("/leader?lag=1MB", report));
    EXPECT_EQ(503, codeOf("/replica?/leader", report));
}

TEST(Routes, WithoutTheLoopNothingIsWell) {
    for (const std::string path : {"/", "/leader", "/replica", "/liveness", "/health", "/metrics"})
        EXPECT_EQ(503, respond("GET", path, nullptr).code) << path;
    EXPECT_EQ(404, respond("GET", "/nothing", nullptr).code);
}

TEST(Routes, ChecksSayWhyInALine) {
    EXPECT_EQ("leader; command settling\n",
              respond("GET", "/leader", std::make_unique<Report>(running("uuid-2", "settling")).get()).body);
    EXPECT_EQ("follower: web-app-2 leads; command waiting\n",
              respond("GET", "/leader", std::make_unique<Report>(running("uuid-3", "waiting")).get()).body);
    EXPECT_EQ("unknown: down\n",
              respond("GET", "/leader", std::make_unique<Report>(unanswered("down")).get()).body);
}

}  // namespace
}  // namespace leader::status::test
