#include "common/status/metrics.h"

#include <cstdio>
#include <cstdlib>
#include <regex>
#include <set>

#include "tests/unit/status/reports.h"

namespace leader::status::test {
namespace {

ProcessStatistics sampleProcess() {
    return {4096 * 1000, 4096 * 5000, 12, 1024, 1.5, 1.7e9 + 0.25};
}

Report fullReport() {
    auto observation = seen(sampleView("uuid-2"));
    observation->engine.errors = 3;
    observation->engine.timedAnswers = 4;
    observation->engine.latency = std::chrono::milliseconds(1250);
    Report report = withProcess(reportOf(observation, kNow, {"http://rancher-metadata/", {}}));
    report.transitions = {1, 2, 3};
    return report;
}

TEST(Metrics, OfARunningLeader) {
    EXPECT_EQ(golden("leader.prom"), metricsOf(fullReport(), sampleProcess()));
}

TEST(Metrics, OfAProcessThatKnowsNothingYet) {
    EXPECT_EQ(golden("unanswered.prom"), metricsOf(unanswered("down"), {}));
}

TEST(Metrics, LabelsAreEscaped) {
    View view = sampleView("uuid-2");
    view.group = "a\\b\"c\nd\xff";
    const std::string text = metricsOf(report(view), {});
    EXPECT_NE(std::string::npos, text.find("group=\"a\\\\b\\\"c\\nd\xef\xbf\xbd\"")) << text;
}

TEST(Metrics, EachHasHelpAndTypeAndNoSampleComesTwice) {
    std::istringstream lines(metricsOf(fullReport(), sampleProcess()));
    std::set<std::string> typed;
    std::set<std::string> samples;
    const std::regex sample(R"(^([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? \S+$)");
    for (std::string line; std::getline(lines, line);) {
        std::smatch match;
        if (line.rfind("# TYPE ", 0) == 0) typed.insert(line.substr(7, line.find(' ', 7) - 7));
        if (line[0] == '#') continue;
        ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
        const std::string family = std::regex_replace(match[1].str(), std::regex("_(sum|count)$"), "");
        EXPECT_EQ(1U, typed.count(family)) << line;
        EXPECT_TRUE(samples.insert(match[1].str() + match[2].str()).second) << line;
    }
    EXPECT_LT(20U, samples.size());
}

TEST(Metrics, PromtoolFindsNothingWrong) {
    if (std::system("command -v promtool >/dev/null") != 0)
        GTEST_SKIP() << "no promtool at hand: it is in Debian's package prometheus";
    for (const std::string& text :
         {metricsOf(fullReport(), processStatistics()), metricsOf(unanswered("down"), {})}) {
        std::FILE* promtool = popen("promtool check metrics 2>&1", "w");
        ASSERT_NE(nullptr, promtool);
        std::fputs(text.c_str(), promtool);
        EXPECT_EQ(0, pclose(promtool)) << text;
    }
}

TEST(ProcessStatistics, AreThoseOfThisProcess) {
    const ProcessStatistics statistics = processStatistics();
    EXPECT_LT(1024U * 1024, statistics.residentBytes.value_or(0));
    EXPECT_LT(*statistics.residentBytes, statistics.virtualBytes.value_or(0));
    EXPECT_LT(*statistics.openDescriptors, statistics.mostDescriptors.value_or(0));
    std::FILE* file = std::fopen("/dev/null", "r");
    EXPECT_EQ(*statistics.openDescriptors + 1, processStatistics().openDescriptors);
    std::fclose(file);
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    EXPECT_LE(*statistics.startTime, now + 2);
    EXPECT_GE(*statistics.startTime, now - 3600);
    EXPECT_LE(0, statistics.cpuSeconds.value_or(-1));
}

}  // namespace
}  // namespace leader::status::test
