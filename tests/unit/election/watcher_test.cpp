#include "common/election/watcher.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>

#include "common/base/log.h"
#include "common/election/backoff.h"

namespace leader {
namespace {

using namespace std::chrono_literals;

Engine::ViewOrError viewWithRevision(const std::string& revision, std::optional<Duration> latency = {}) {
    auto view = std::make_shared<View>();
    view->revision = revision;
    view->latency = latency;
    view->selfUuid = "a";
    view->candidates = {{"a", "web_1", "10.0.0.1", 1, "", ""}};
    return std::shared_ptr<const View>(view);
}

/// Gives prepared answers as fast as it is asked, then waits for its interruption.
class ScriptedEngine : public Engine {
  public:
    ScriptedEngine(const Interrupt& interrupt, std::deque<ViewOrError> answers, std::vector<Duration>& pauses)
        : interrupt_(interrupt), answers_(std::move(answers)), pauses_(pauses) {}

    ViewOrError next() override {
        if (answers_.empty()) {
            interrupt_.wait(1h);
            return Error{"interrupted"};
        }
        ViewOrError answer = answers_.front();
        answers_.pop_front();
        return answer;
    }

    void waitToRetry(Duration longest) override { pauses_.push_back(longest); }

  private:
    const Interrupt& interrupt_;
    std::deque<ViewOrError> answers_;
    std::vector<Duration>& pauses_;
};

class WatcherTest : public testing::Test {
  protected:
    /// Runs a watcher until `count` observations have come.
    std::vector<std::shared_ptr<const Observation>> observe(std::deque<Engine::ViewOrError> answers) {
        const std::size_t count = answers.size();
        Interrupt interrupt;
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<std::shared_ptr<const Observation>> seen;
        const Watcher watcher(std::make_unique<ScriptedEngine>(interrupt, std::move(answers), pauses),
                              interrupt, false, [&](auto observation) {
                                  const std::lock_guard lock(mutex);
                                  seen.push_back(std::move(observation));
                                  times.push_back(Clock::system().now());
                                  changed.notify_all();
                              });
        std::unique_lock lock(mutex);
        EXPECT_TRUE(changed.wait_for(lock, 10s, [&] { return seen.size() == count; }));
        return seen;
    }

    std::vector<Duration> pauses;
    std::vector<Instant> times;
};

TEST_F(WatcherTest, AnAnswerCarriesWhatFollowsFromIt) {
    const auto seen = observe({viewWithRevision("1")});
    EXPECT_EQ(Role::kLeader, seen[0]->outcome.role);
    EXPECT_EQ("1", seen[0]->view->revision);
    EXPECT_FALSE(seen[0]->failure);
}

TEST_F(WatcherTest, AFailureKeepsTheLastViewAndSaysWhy) {
    const auto seen = observe({viewWithRevision("1"), Error{"gone"}});
    EXPECT_EQ("1", seen[1]->view->revision);
    EXPECT_EQ("gone", seen[1]->failure->message);
}

TEST_F(WatcherTest, BeforeTheFirstAnswerThereIsNoViewAndTheRoleIsUnknown) {
    const auto seen = observe({Error{"not yet"}});
    EXPECT_EQ(nullptr, seen[0]->view);
    EXPECT_EQ(Role::kUnknown, seen[0]->outcome.role);
}

TEST_F(WatcherTest, AnswersAndErrorsAreCounted) {
    const auto seen = observe({viewWithRevision("1", 50ms), Error{"down"}, Error{"down"},
                               viewWithRevision("2", 30ms), viewWithRevision("2")});
    const EngineStatistics& last = seen.back()->engine;
    EXPECT_EQ(2U, last.errors);
    EXPECT_EQ(2U, last.timedAnswers) << "one has only waited for a change";
    EXPECT_EQ(80ms, last.latency);
    EXPECT_GT(seen[1]->engine.cameRoundAt, seen[0]->engine.cameRoundAt) << "an error is coming round, too";
}

TEST_F(WatcherTest, PausesGrowWhileTheEngineFailsAndStartAnewAfterAnAnswer) {
    std::deque<Engine::ViewOrError> answers(12, Error{"down"});
    answers.push_back(viewWithRevision("1"));
    answers.push_back(Error{"down again"});
    observe(std::move(answers));
    ASSERT_GE(pauses.size(), 13U);
    EXPECT_LE(pauses[0], Backoff::kFirst);
    EXPECT_GT(pauses[11], 2s);
    EXPECT_LE(pauses[11], Backoff::kLongest);
    EXPECT_LE(pauses[12], Backoff::kFirst);
}

TEST_F(WatcherTest, AStormIsObservedAtMostTenTimesASecond) {
    std::deque<Engine::ViewOrError> answers;
    for (int i = 0; i < 5; ++i) answers.push_back(viewWithRevision(std::to_string(i)));
    observe(std::move(answers));
    for (std::size_t i = 1; i < times.size(); ++i)
        EXPECT_GE(times[i] - times[i - 1], Watcher::kLeastInterval);
}

TEST_F(WatcherTest, AnOutageIsOneLineAtItsStartAndOneAtItsEnd) {
    testing::internal::CaptureStderr();
    log::configure("leader-run", log::Level::kInfo, log::Format::kText);
    observe(
        {Error{"down"}, Error{"down"}, Error{"still down"}, viewWithRevision("1"), viewWithRevision("2")});
    const std::string lines = testing::internal::GetCapturedStderr();
    EXPECT_EQ(2, std::count(lines.begin(), lines.end(), '\n')) << lines;
    EXPECT_NE(std::string::npos, lines.find("cannot tell who leads, trying again: down\n")) << lines;
    EXPECT_NE(std::string::npos, lines.find("can tell who leads again, after 0s\n")) << lines;
}

/// Answers only once it is allowed to, interrupted or not.
class LeavingEngine : public Engine {
  public:
    LeavingEngine(Interrupt& asked, const Interrupt& allowed, std::atomic<int>& left)
        : asked_(asked), allowed_(allowed), left_(left) {}

    ViewOrError next() override {
        asked_.raise();
        allowed_.wait(1h);
        return Error{"interrupted"};
    }
    void waitToRetry(Duration) override {}
    void leave() override { ++left_; }

  private:
    Interrupt& asked_;
    const Interrupt& allowed_;
    std::atomic<int>& left_;
};

TEST(WatcherLeaving, HasTheEngineLeaveAfterTheLastQuestion) {
    Interrupt interrupt;
    Interrupt asked;
    Interrupt allowed;
    allowed.raise();
    std::atomic<int> left = 0;
    Watcher watcher(std::make_unique<LeavingEngine>(asked, allowed, left), interrupt, false, [](auto) {});
    ASSERT_TRUE(asked.wait(10s));
    EXPECT_TRUE(watcher.leave(10s));
    EXPECT_EQ(1, left);
}

TEST(WatcherLeaving, DoesNotWaitForAnEngineThatIsStuck) {
    Interrupt interrupt;
    Interrupt asked;
    Interrupt allowed;
    std::atomic<int> left = 0;
    Watcher watcher(std::make_unique<LeavingEngine>(asked, allowed, left), interrupt, false, [](auto) {});
    ASSERT_TRUE(asked.wait(10s));
    EXPECT_FALSE(watcher.leave(10ms));
    EXPECT_EQ(0, left);
    allowed.raise();
}

TEST(WatcherLeaving, AWatcherThatOnlyEndsLeavesNothing) {
    std::atomic<int> left = 0;
    {
        Interrupt interrupt;
        Interrupt asked;
        Interrupt allowed;
        allowed.raise();
        const Watcher watcher(std::make_unique<LeavingEngine>(asked, allowed, left), interrupt, false,
                              [](auto) {});
    }
    EXPECT_EQ(0, left);
}

TEST(BackoffTest, MembersThatFailTogetherDoNotTryAgainTogether) {
    Backoff backoff;
    std::set<Duration> longest;
    for (int i = 0; i < 40; ++i) longest.insert(backoff.next());
    EXPECT_GT(longest.size(), 30U);
}

}  // namespace
}  // namespace leader
