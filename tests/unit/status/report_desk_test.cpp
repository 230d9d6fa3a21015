#include "common/status/report_desk.h"

#include <atomic>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/unit/status/reports.h"

namespace leader::status::test {
namespace {

using namespace std::chrono_literals;

TEST(ReportDesk, GivesWhatTheLoopMakesWhenItIsAsked) {
    EventLoop loop;
    int made = 0;
    ReportDesk desk(loop, [&] {
        Report report;
        report.reason = std::to_string(++made);
        return report;
    });
    loop.turn(false);
    EXPECT_EQ(0, made) << "nobody has asked";
    std::string first;
    std::string second;
    std::thread client([&] {
        first = desk.ask(leader::test::patience())->reason;
        second = desk.ask(leader::test::patience())->reason;
        loop.stop();
    });
    while (made < 2) loop.turn();
    client.join();
    EXPECT_EQ("1", first);
    EXPECT_EQ("2", second);
}

TEST(ReportDesk, ALoopThatDoesNotComeRoundIsNotWaitedFor) {
    EventLoop loop;
    ReportDesk desk(loop, [] { return Report(); });
    EXPECT_EQ(nullptr, desk.ask(1ms));
}

TEST(ReportDesk, ManyAtATimeGetAReportThatWasMadeAfterTheyAsked) {
    EventLoop loop;
    std::atomic<int> time = 0;
    ReportDesk desk(loop, [&] {
        Report report;
        report.reason = std::to_string(time.load());
        return report;
    });
    Mailbox<int> end(loop, [&](const auto&) { loop.stop(); });
    std::atomic<int> late = 0;
    std::vector<std::thread> clients;
    clients.reserve(8);
    for (int i = 0; i < 8; ++i)
        clients.emplace_back([&] {
            for (int n = 0; n < 200; ++n) {
                const int asked = ++time;
                const auto report = desk.ask(leader::test::patience());
                if (!report || std::stoi(report->reason) < asked) ++late;
            }
        });
    std::thread runner([&] { loop.run(); });
    for (std::thread& client : clients) client.join();
    end.post(std::make_shared<int>(0));
    runner.join();
    EXPECT_EQ(0, late);
}

}  // namespace
}  // namespace leader::status::test
