#include "common/status/report_json.h"

#include <Poco/JSON/Parser.h>

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

TEST(ReportJson, IsValidWhateverTheMetadataHolds) {
    View view = sampleView("uuid-3");
    const std::string evil = "\"\\\n\x1b\x7f\xff\xc2\x9b\xe2\x80\xa8</script>";
    for (Candidate& candidate : view.candidates) candidate.name = candidate.state = candidate.health = evil;
    view.group = view.revision = evil;
    const std::string text = asLine(jsonOf(report(view)));
    for (const char c : text) EXPECT_FALSE(static_cast<unsigned char>(c) < ' ' || c == '\x7f');
    EXPECT_EQ(std::string::npos, text.find("\xc2\x9b"));
    const auto object = Poco::JSON::Parser().parse(text).extract<Poco::JSON::Object::Ptr>();
    EXPECT_EQ("\"\\\n\x1b\x7f\xef\xbf\xbd\xc2\x9b\xe2\x80\xa8</script>",
              object->getValue<std::string>("group"));
}

}  // namespace
}  // namespace leader::status::test
