#include "common/status/report_json.h"

#include "tests/support/json.h"
#include "tests/unit/status/reports.h"

namespace leader::status::test {
namespace {

TEST(ReportJson, OfAFollower) {
    EXPECT_EQ(golden("follower.json"), asLine(jsonOf(report(sampleView("uuid-3")))) + "\n");
}

TEST(ReportJson, OfTheProcess) {
    EXPECT_EQ(golden("process.json"),
              asLine(jsonOfProcess(withProcess(report(sampleView("uuid-2"))))) + "\n");
}

TEST(ReportJson, BeforeTheEngineHasAnsweredAllThatIsNotKnownIsNull) {
    EXPECT_EQ(golden("unanswered.json"), asLine(jsonOfProcess(unanswered("connection refused"))) + "\n");
}

std::string leaseIn(const View& view) {
    const std::string text = asLine(jsonOf(report(view)));
    return text.substr(text.find(R"("lease":)"));
}

TEST(ReportJson, TellsTheLeaseByItsHoldersClock) {
    using namespace std::chrono_literals;
    View view = sampleView("uuid-3");
    view.lease = sampleLease(3500ms);
    EXPECT_EQ(
        R"("lease":{"holder":"web-app-2","transitions":5,"duration_seconds":15,)"
        R"("renew_time":"2026-01-31T09:30:00.123456Z","renewed_seconds_ago":3.5,"expires_in_seconds":11.5}})",
        leaseIn(view));
    view.lease->renewedAt = kNow - 16s;
    EXPECT_NE(std::string::npos, leaseIn(view).find(R"("renewed_seconds_ago":16,"expires_in_seconds":-1})"));
    view.lease->holder.clear();
    EXPECT_NE(std::string::npos, leaseIn(view).find(R"({"holder":null,)"));
    EXPECT_NE(std::string::npos, leaseIn(view).find(R"("expires_in_seconds":null})"));
    view.lease->renewedAt.reset();
    EXPECT_NE(std::string::npos, leaseIn(view).find(R"("renewed_seconds_ago":null,)"));
    view.lease.reset();
    EXPECT_EQ(R"("lease":null})", leaseIn(view));
}

TEST(ReportJson, IsValidWhateverTheMetadataHolds) {
    View view = sampleView("uuid-3");
    const std::string evil = "\"\\\n\x1b\x7f\xff\xc2\x9b\xe2\x80\xa8</script>";
    for (Candidate& candidate : view.candidates) candidate.name = candidate.state = candidate.health = evil;
    view.group = view.revision = evil;
    const std::string text = asLine(jsonOf(report(view)));
    for (const char c : text) EXPECT_FALSE(static_cast<unsigned char>(c) < ' ' || c == '\x7f');
    EXPECT_EQ(std::string::npos, text.find("\xc2\x9b"));
    const auto object = leader::test::parseJson(text);
    EXPECT_EQ("\"\\\n\x1b\x7f\xef\xbf\xbd\xc2\x9b\xe2\x80\xa8</script>",
              object->getValue<std::string>("group"));
}

}  // namespace
}  // namespace leader::status::test
