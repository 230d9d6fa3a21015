#include "common/status/changes.h"

#include "common/status/report_json.h"
#include "tests/unit/status/reports.h"

namespace leader::status::test {
namespace {

std::vector<std::string> described(const Report& before, const Report& now) {
    std::vector<std::string> lines;
    for (const Change& change : changesBetween(before, now)) lines.push_back(describe(change));
    return lines;
}

using Lines = std::vector<std::string>;

TEST(Changes, FromNothingAreAllThatIsSeen) {
    View view = sampleView("uuid-3");
    view.candidates.resize(3);
    EXPECT_EQ((Lines{"leader: none -> web-app-2", "role: unknown -> follower", "self: none -> web-app-3",
                     "group: none -> web/app", "web-app-1 joined (is stopped)",
                     "web-app-2 joined (leads: the lowest create index that counts)",
                     "web-app-3 joined (waits behind web-app-2)"}),
              described(Report(), report(view)));
}

TEST(Changes, OfTheRevisionAndTheAgeAreNone) {
    View later = sampleView("uuid-3");
    later.revision = "other";
    later.observedAt = kNow;
    EXPECT_EQ(Lines{}, described(report(sampleView("uuid-3")), report(later)));
}

TEST(Changes, AnotherGroupIsOne) {
    View renamed = sampleView("uuid-3");
    renamed.group = "web/shop";
    EXPECT_EQ(Lines{"group: web/app -> web/shop"}, described(report(sampleView("uuid-3")), report(renamed)));
}

TEST(Changes, ANewLeaderIsNamedWithWhatBecameOfTheOldOne) {
    const Report before = report(sampleView("uuid-3"));
    View stopped = sampleView("uuid-3");
    stopped.candidates[1].state = "stopping";
    EXPECT_EQ((Lines{"leader: web-app-2 -> web-app-3 (web-app-2 is stopping)", "role: follower -> leader",
                     "web-app-2 state: running -> stopping", "web-app-2 eligible: true -> false"}),
              described(before, report(stopped)));
    View gone = sampleView("uuid-3");
    gone.candidates.erase(gone.candidates.begin() + 1);
    EXPECT_EQ((Lines{"leader: web-app-2 -> web-app-3 (web-app-2 is gone)", "role: follower -> leader",
                     "web-app-2 left"}),
              described(before, report(gone)));
    View older = sampleView("uuid-3");
    older.candidates[0].state = "running";
    EXPECT_EQ("leader: web-app-2 -> web-app-1", described(before, report(older)).front());
}

TEST(Changes, TwoCandidatesOfOneNameAreTwo) {
    View renamed = sampleView("uuid-3");
    renamed.candidates[1].uuid = "another";
    const Lines lines = described(report(sampleView("uuid-3")), report(renamed));
    EXPECT_EQ("leader: web-app-2 -> web-app-2 (web-app-2 is gone)", lines.front());
}

TEST(Changes, AnAnswerThatIsLostAndFoundIsALineEach) {
    const auto observation = seen(sampleView("uuid-3"));
    const Report before = reportOf(observation, kNow, {});
    const Report lost = reportOf(failing(*observation, "no answer in time"), kNow, {});
    EXPECT_EQ(Lines{"engine: up -> down (no answer in time)"}, described(before, lost));
    EXPECT_EQ(Lines{}, described(lost, reportOf(failing(*observation, "refused"), kNow, {})));
    EXPECT_EQ(Lines{"engine: down -> up"}, described(lost, before));
}

TEST(Changes, WhoNamesAContainerCannotMakeLines) {
    View view = sampleView("uuid-3");
    view.candidates[1].name = "a\n2026-01-01T00:00:00Z leader: mine\x1b[31m";
    for (const std::string& line : described(report(sampleView("uuid-3")), report(view)))
        EXPECT_EQ(std::string::npos, line.find_first_of("\n\x1b")) << line;
}

TEST(Changes, AsJsonHaveNullForNothing) {
    EXPECT_EQ(R"({"what":"leader","candidate":null,"from":null,"to":"web-app-1"})",
              asLine(jsonOf(Change{"leader", "", "", "web-app-1", "why"})));
}

}  // namespace
}  // namespace leader::status::test
