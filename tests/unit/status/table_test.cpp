#include "common/status/table.h"

#include "common/status/columns.h"
#include "tests/unit/status/reports.h"

namespace leader::status::test {
namespace {

TEST(Table, OfAFollower) {
    EXPECT_EQ(golden("follower.txt"), tableOf(report(sampleView("uuid-3")), {80}));
}

TEST(Table, OfALeaderOnATerminalIsColored) {
    EXPECT_EQ(golden("leader-colored.txt"), tableOf(report(sampleView("uuid-2")), {80, true}));
}

TEST(Table, OfAServiceOfOthersHasNoSelf) {
    View view = sampleView("");
    view.selfUuid = "somebody-else";
    view.onlooker = true;
    EXPECT_EQ(golden("onlooker.txt"), tableOf(report(view), {80}));
}

TEST(Table, AnOnlookerThatCannotTellWhoItIsIsNotSaidToBeNone) {
    View view = sampleView("");
    view.onlooker = true;
    EXPECT_EQ(golden("unknown-onlooker.txt"), tableOf(report(view), {80}));
}

TEST(Table, WhoIsUnknownSeesWhyAndWhoLeadsAllTheSame) {
    EXPECT_EQ(golden("unknown.txt"), tableOf(report(sampleView("")), {80}));
}

TEST(Table, OfAServiceThatNobodyLeads) {
    View view = sampleView("uuid-1");
    view.candidates.resize(1);
    EXPECT_EQ(golden("nobody.txt"), tableOf(report(view), {80}));
}

TEST(Table, SaysThatTheEngineDoesNotAnswerNow) {
    const auto observation =
        failing(*seen(sampleView("uuid-3")), "http://rancher-metadata/: no answer in time");
    EXPECT_EQ(golden("failing.txt"),
              tableOf(reportOf(observation, kNow, {"http://rancher-metadata/", {}}), {80}));
}

std::string leaseLine(const LeaseRecordView& lease) {
    View view = sampleView("uuid-3");
    view.lease = lease;
    const std::string text = tableOf(report(view), {});
    const auto start = text.find("\nlease ");
    return start == std::string::npos ? "" : text.substr(start + 1, text.find('\n', start + 1) - start - 1);
}

TEST(Table, SaysWhoseTheLeaseIsAndForHowLong) {
    using namespace std::chrono_literals;
    EXPECT_EQ(
        "lease    held by web-app-2, 5 transitions, renewed 3s ago, expires in 11s (by the holder's clock)",
        leaseLine(sampleLease(3500ms)));
    EXPECT_EQ(
        "lease    held by web-app-2, 5 transitions, renewed 1m15s ago, expired 1m ago (by the holder's "
        "clock)",
        leaseLine(sampleLease(75s)));
    EXPECT_EQ(
        "lease    held by web-app-2, 5 transitions, renewed 4s in the future, expires in 19s (by the "
        "holder's clock)",
        leaseLine(sampleLease(-4s)));
    LeaseRecordView lease = sampleLease(2s);
    lease.holder.clear();
    EXPECT_EQ("lease    free, 5 transitions, written 2s ago (by the holder's clock)", leaseLine(lease));
    lease.renewedAt.reset();
    EXPECT_EQ("lease    free, 5 transitions, renewed at no time that is known", leaseLine(lease));
}

TEST(Table, WithoutALeaseThereIsNoLineForOne) {
    EXPECT_EQ(std::string::npos, tableOf(report(sampleView("uuid-3")), {}).find("\nlease"));
}

View wideView() {
    View view = sampleView("uuid-3");
    view.group = "a-stack-with-a-long-name/and-a-service-with-one-that-is-longer";
    view.candidates[1].name = "a-stack-with-a-long-name-and-a-service-1";
    view.candidates[2].name = "a-stack-with-a-long-name-and-a-service-2";
    view.candidates[2].address = "2001:db8:85a3:8d3:1319:8a2e:370:7348";
    view.candidates[2].state = "updating-running";
    return view;
}

TEST(Table, FitsIn80ColumnsAndKeepsTheEndsOfNames) {
    EXPECT_EQ(golden("wide.txt"), tableOf(report(wideView()), {80}));
}

TEST(Table, NoLineOfTheCandidatesIsWiderThanTheTerminal) {
    View view = wideView();
    view.candidates[0].name = "日本語のとても長い名前のコンテナ-1";
    for (const std::size_t width : {33U, 40U, 60U, 72U, 80U, 100U, 132U}) {
        const std::string text = tableOf(report(view), {width});
        std::istringstream lines(text.substr(text.find("\n\n")));
        for (std::string line; std::getline(lines, line);) EXPECT_LE(columnsOf(line), width) << line;
    }
}

TEST(Table, ANarrowTerminalGetsNamesAndReasonsAndNotTheRest) {
    EXPECT_EQ(golden("narrow.txt"), tableOf(report(sampleView("uuid-3")), {40}));
}

TEST(Table, WideCharactersLeaveTheColumnsStraight) {
    View view = sampleView("uuid-3");
    view.candidates[0].name = "日本語-1";
    view.candidates[1].name = "e\u0301te\u0301-2";
    EXPECT_EQ(golden("east-asian.txt"), tableOf(report(view), {80}));
}

TEST(Table, WithoutATerminalNothingIsShortened) {
    const std::string text = tableOf(report(wideView()), {});
    EXPECT_NE(std::string::npos, text.find("a-stack-with-a-long-name-and-a-service-2  "
                                           "2001:db8:85a3:8d3:1319:8a2e:370:7348  updating-running"));
}

TEST(Table, WhoNamesAContainerCannotWriteToTheTerminal) {
    View view = sampleView("uuid-3");
    view.group = "we\x1b[2Jb/app";
    view.revision = "\r\n";
    for (Candidate& candidate : view.candidates) {
        candidate.name += "\x1b]0;title\x07";
        candidate.address = "\n10.0.0.1";
        candidate.state =
            "\x9b"
            "31m";
        candidate.health = "\xe2\x80\xae";
    }
    const std::string text = tableOf(report(view), {80});
    for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
    EXPECT_EQ(11, std::count(text.begin(), text.end(), '\n')) << text;
}

}  // namespace
}  // namespace leader::status::test
