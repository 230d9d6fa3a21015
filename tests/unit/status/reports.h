#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "common/election/rule.h"
#include "common/status/report.h"

namespace leader::status::test {

inline const Instant kNow{std::chrono::hours(100)};

inline Candidate candidate(int number) {
    const std::string n = std::to_string(number);
    return {"uuid-" + n, "web-app-" + n, "10.42.0." + n, number, "running", "healthy"};
}

/// web/app as seen two seconds ago: web-app-1 is stopped, web-app-2 leads, web-app-3 waits, web-app-4 has no
/// create index.
inline View sampleView(const std::string& self) {
    View view;
    view.group = "web/app";
    view.engine = "http://rancher-metadata/";
    view.revision = "8f3a";
    view.selfUuid = self;
    view.observedAt = kNow - std::chrono::seconds(2);
    for (int number = 1; number <= 4; ++number) view.candidates.push_back(candidate(number));
    view.candidates[0].state = "stopped";
    view.candidates[2].health = "";
    view.candidates[3].createIndex.reset();
    return view;
}

/// A Lease that web-app-2 renewed a while ago, by its clock.
inline LeaseRecordView sampleLease(Duration renewedAgo) {
    return {"web-app-2", 5, "2026-01-31T09:30:00.123456Z", kNow - renewedAgo, std::chrono::seconds(15)};
}

inline std::shared_ptr<Observation> seen(const View& view) {
    auto observation = std::make_shared<Observation>();
    observation->view = std::make_shared<const View>(view);
    observation->outcome = elect(view, false);
    observation->engine.cameRoundAt = view.observedAt;
    return observation;
}

inline std::shared_ptr<Observation> failing(Observation last, const std::string& message) {
    last.failure = Error{message};
    ++last.engine.errors;
    return std::make_shared<Observation>(last);
}

inline Report report(const View& view) {
    return reportOf(seen(view), kNow, {view.engine, {}});
}
inline Report unanswered(const std::string& message) {
    return reportOf(failing({}, message), kNow, {"http://rancher-metadata/", {}});
}

/// The process behind it: a command that runs since the epoch's 1,000,000,000th second, and a proxy.
inline Report withProcess(Report report) {
    CommandReport command;
    command.state = "running";
    command.running = true;
    command.pid = 77;
    command.started = WallTime(std::chrono::seconds(1'000'000'000));
    command.restarts = 2;
    command.exits = {{0, 1}, {143, 1}};
    report.command = command;
    report.proxy = ProxyReport{{{8080, 80, true}, {443, 443, false}}, 10, 2, 1, 1000, 20000, 3, 4};
    return report;
}

inline std::string golden(const std::string& name) {
    std::ifstream file(std::string(LEADER_GOLDEN_FILES) + "/" + name);
    EXPECT_TRUE(file) << "no golden file " << name;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace leader::status::test
