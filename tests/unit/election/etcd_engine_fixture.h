#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "common/election/etcd_election.h"
#include "common/election/etcd_engine.h"
#include "common/election/rule.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_etcd.h"

namespace leader {

using namespace std::chrono_literals;
using test::FakeEtcd;
using Request = FakeEtcd::Request;
using Peer = FakeEtcd::Peer;

inline std::string ours(const std::string& name, bool left = false) {
    return EtcdIdentity{name, "10.0.0.9", "uuid-" + name, left}.toJson();
}

/// An engine before a fake gateway. A test that waits in vain is interrupted.
class EtcdEngineTest : public testing::Test {
  protected:
    EtcdEngineTest()
        : watchdog_([this] {
              if (!done_.wait(test::patience(30s))) interrupt.raise();
          }) {}
    ~EtcdEngineTest() override {
        done_.raise();
        watchdog_.join();
    }

    void make(EngineOptions options, const std::string& url) {
        options.url = url;
        options.self = "me";
        auto made = makeEtcdEngine(options, interrupt);
        ASSERT_TRUE(made.ok()) << made.error().message;
        engine = std::move(*made);
    }
    void join(std::chrono::seconds ttl = 3600s) {
        EngineOptions options;
        options.candidate = true;
        options.ttl = ttl;
        options.heartbeat = 1h;
        make(options, etcd.url("db"));
    }
    void look(Duration heartbeat = 1h) {
        EngineOptions options;
        options.heartbeat = heartbeat;
        make(options, etcd.url("db"));
    }

    /// The next view; a test that gets an error fails.
    std::shared_ptr<const View> view() {
        const auto answer = engine->next();
        if (answer) return *answer;
        ADD_FAILURE() << answer.error().message;
        return std::make_shared<View>();
    }
    std::string error() {
        const auto answer = engine->next();
        return answer ? "a view" : answer.error().message;
    }
    static Role role(const std::shared_ptr<const View>& view) { return elect(*view, false).role; }
    /// Views until the role is this one.
    std::shared_ptr<const View> viewAs(Role wanted) {
        auto last = view();
        for (int i = 0; i < 100 && role(last) != wanted && !HasFailure(); ++i) last = view();
        EXPECT_EQ(wanted, role(last));
        return last;
    }
    std::string ownKey() const {
        for (const std::string& key : etcd.keys())
            if (etcd.valueOf(key).find("\"me\"") != std::string::npos) return key;
        return "";
    }

    FakeEtcd etcd;
    Interrupt interrupt;
    std::unique_ptr<Engine> engine;

  private:
    Interrupt done_;
    std::thread watchdog_;
};

}  // namespace leader
