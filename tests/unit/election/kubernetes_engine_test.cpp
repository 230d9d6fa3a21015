#include "common/election/kubernetes_engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/election/kubernetes_lease.h"
#include "common/election/rule.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_kubernetes.h"

namespace leader {
namespace {

using namespace std::chrono_literals;
using test::FakeKubernetes;
using Request = FakeKubernetes::Request;
using Peer = FakeKubernetes::Peer;

const std::string kOthers =
    R"({"holderIdentity":"other","leaseDurationSeconds":600,"acquireTime":"2026-01-01T00:00:00.000000Z",)"
    R"("renewTime":"2026-01-01T00:00:00.000000Z","leaseTransitions":5})";
const std::string kFree = R"({"holderIdentity":"","leaseDurationSeconds":1,"leaseTransitions":5})";

/// Held by the same, and renewed right now.
std::string recentOthers() {
    std::string spec = kOthers;
    const std::string old = "2026-01-01T00:00:00.000000Z";
    return spec.replace(spec.rfind(old), old.size(), leaseTime(std::chrono::system_clock::now()));
}

class KubernetesEngineTest : public testing::Test {
  protected:
    KubernetesEngineTest() {
        options.url = api.url();
        options.tls.caFile = api.caFile();
        options.tokenFile = api.tokenFile();
        options.self = "me";
        options.candidate = true;
        options.ttl = 6s;
        options.heartbeat = 60s;
    }

    Engine& engine() {
        if (!made) {
            auto result = makeEngine(options, interrupt);
            EXPECT_TRUE(result.ok()) << result.error().message;
            made = std::move(*result);
        }
        return *made;
    }

    /// "leader 6", "follower of other", "follower of nobody", or the error.
    std::string next() {
        const auto view = engine().next();
        if (!view) return view.error().message;
        last = *view;
        const Outcome outcome = elect(*last, false);
        const Candidate* leads = outcome.leaderCandidate();
        if (outcome.role == Role::kLeader) return "leader " + std::to_string(*leads->createIndex);
        return std::string(nameOf(outcome.role)) + " of " + (leads == nullptr ? "nobody" : leads->name);
    }
    /// The same, until it is this one.
    bool becomes(const std::string& state, int most = 20) {
        for (std::string seen; most > 0 && seen != state; --most) seen = next();
        return most > 0;
    }

    /// Somebody else writes the Lease, but not its record.
    void setLabel() {
        const std::string lease = api.lease();
        const auto spec = lease.find(R"("spec":)") + 7;
        const auto annotations = lease.find(R"("annotations":)") + 14;
        api.put(lease.substr(spec, lease.size() - spec - 1),
                lease.substr(annotations, lease.find("},\"spec\"") - annotations));
    }

    FakeKubernetes api;
    Interrupt interrupt;
    EngineOptions options;
    std::unique_ptr<Engine> made;
    std::shared_ptr<const View> last = std::make_shared<const View>();
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(KubernetesEngineTest, TakesAFreeLeaseAndTellsItsAddress) {
    api.put(kFree);
    const Instant before = Clock::system().now();
    EXPECT_EQ("leader 6", next());
    EXPECT_EQ("default/db", last->group);
    EXPECT_EQ("127.0.0.1", last->candidates.at(0).address);
    EXPECT_GE(*last->validUntil, before + 6s);
    EXPECT_LE(*last->validUntil, Clock::system().now() + 6s);
    EXPECT_PRED2(has, api.lease(), R"(\"address\":\"127.0.0.1\")");
    EXPECT_EQ("Bearer the-token", api.requests().at(0).headers.get("Authorization"));
}

TEST_F(KubernetesEngineTest, TheCaseOfTheUrlsSchemeCountsForNothing) {
    options.url.replace(0, std::string("kubernetes").size(), "Kubernetes");
    EXPECT_TRUE(holdsLease(options.url));
    EXPECT_EQ("leader 0", next());
}

TEST_F(KubernetesEngineTest, FollowsByOneWatchAndTakesOverAtOnce) {
    api.put(kOthers);
    EXPECT_EQ("follower of other", next());
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return api.watching() == 1; }));
        api.put(kFree);
    });
    EXPECT_TRUE(becomes("leader 6"));
    other.join();
    EXPECT_EQ(1, api.count("GET"));
    EXPECT_EQ(1, api.count("PUT"));
}

TEST_F(KubernetesEngineTest, ARaceThatIsLostIsFollowed) {
    api.put(kFree);
    api.setFault([&](const Request& request, Peer&) {
        if (request.method == "PUT") api.setFault({}), api.put(kOthers);
        return false;
    });
    EXPECT_EQ("follower of other", next());
    EXPECT_EQ(1, api.count("PUT"));
}

TEST_F(KubernetesEngineTest, ALeaseThatVanishesBeforeItIsTakenIsMadeAnew) {
    api.put(kFree);
    api.setFault([&](const Request& request, Peer& peer) {
        if (request.method != "PUT") return false;
        api.remove();
        FakeKubernetes::refuse(peer, 404, "not found");
        return true;
    });
    EXPECT_EQ("follower of nobody", next());
    EXPECT_EQ("leader 6", next());
    EXPECT_EQ(1, api.count("POST"));
}

TEST_F(KubernetesEngineTest, AClaimWhoseAnswerIsLostIsNotMadeTwice) {
    api.put(kFree);
    api.setFault([&](const Request& request, Peer& peer) {
        if (request.method != "PUT") return false;
        // The server carries it out, and the answer does not come through.
        const std::string& body = request.body;
        const auto spec = body.find(R"("spec":)");
        const auto annotations = body.find(R"("annotations":)");
        api.put(body.substr(spec + 7, body.find('}', spec) + 1 - spec - 7),
                body.substr(annotations + 14, body.find("\"},", annotations) + 2 - annotations - 14));
        api.setFault({});
        peer.close();
        return true;
    });
    const std::string first = next();
    EXPECT_TRUE(first == "leader 6" || becomes("leader 6")) << first;
    EXPECT_PRED2(has, api.lease(), R"("leaseTransitions":6)");
}

TEST_F(KubernetesEngineTest, AViewEndsATtlAfterTheTimeBeforeTheRequest) {
    options.heartbeat = 1s;  // renewals come as often
    std::atomic<Instant::rep> asked{0};
    api.setFault([&](const Request& request, Peer& peer) {
        if (request.method == "GET") return false;
        asked = Clock::system().now().time_since_epoch().count();
        peer.pause(50ms);
        return false;
    });
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ("leader 0", next());
        EXPECT_LE(*last->validUntil, Instant(Duration(asked)) + 6s);
        EXPECT_GT(*last->validUntil, Instant(Duration(asked)) + 5s);
    }
    EXPECT_EQ(2, api.count("PUT"));
}

TEST_F(KubernetesEngineTest, RenewsEachThirdOfTheTtl) {
    options.ttl = 3s;
    EXPECT_EQ("leader 0", next());
    const Instant first = *last->validUntil;
    EXPECT_EQ("leader 0", next());
    const Duration later = *last->validUntil - first;
    EXPECT_GE(later, 900ms);
    EXPECT_LE(later, 2900ms);
    EXPECT_EQ(1, api.count("PUT"));
    EXPECT_EQ(1, api.count("POST"));
}

TEST_F(KubernetesEngineTest, ALabelThatSomebodySetsDoesNotCostTheLease) {
    options.ttl = 3s;
    EXPECT_EQ("leader 0", next());
    setLabel();
    EXPECT_EQ("leader 0", next());
    EXPECT_EQ(2, api.count("PUT"));
}

TEST_F(KubernetesEngineTest, ALeaseTakenAwayIsLostAtOnce) {
    EXPECT_EQ("leader 0", next());
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return api.watching() == 1; }));
        api.put(kOthers);
    });
    EXPECT_EQ("follower of other", next());
    other.join();
}

TEST_F(KubernetesEngineTest, AWatchThatTheServerForgotBeginsAnewFromWhatIsThere) {
    api.put(kOthers);
    EXPECT_EQ("follower of other", next());
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return api.watching() == 1; }));
        api.compact();
        EXPECT_TRUE(test::eventually([&] { return api.count("WATCH") == 2 && api.watching() == 1; }));
        api.put(kFree);
    });
    EXPECT_TRUE(becomes("leader 6"));
    other.join();
    EXPECT_EQ(1, api.count("GET"));
}

TEST_F(KubernetesEngineTest, AWatchRefusedWith410BeginsAnewFromWhatIsThere) {
    api.put(kOthers);
    api.setFault([](const Request& request, Peer& peer) {
        if (!FakeKubernetes::isWatch(request) || !has(request.path, "resourceVersion=")) return false;
        FakeKubernetes::refuse(peer, 410, "too old resource version");
        return true;
    });
    EXPECT_EQ("follower of other", next());
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return api.watching() == 1; }));
        api.put(kFree);
    });
    EXPECT_TRUE(becomes("leader 6"));
    other.join();
}

TEST_F(KubernetesEngineTest, AWatchGoesOnFromTheLastBookmark) {
    api.put(kOthers);
    EXPECT_EQ("follower of other", next());
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return api.watching() == 1; }));
        api.tell(R"({"type":"BOOKMARK","object":{"kind":"Lease","metadata":{"resourceVersion":"4711"}}})");
        api.endWatches();
    });
    EXPECT_EQ("follower of other", next()) << "a bookmark vouches";
    other.join();
    std::thread interrupter([&] {
        EXPECT_TRUE(test::eventually([&] { return api.count("WATCH") == 2; }));
        interrupt.raise();
    });
    next();
    interrupter.join();
    EXPECT_PRED2(has, api.requests().back().path, "resourceVersion=4711");
}

TEST_F(KubernetesEngineTest, ErrorsAreToldApartAndTriedAgainAtClientGosPace) {
    const Instant start = Clock::system().now();
    const std::vector<std::pair<int, std::string>> errors = {
        {401, "401: the API server does not know who asks: the token in " + api.tokenFile() +
                  " is not accepted (no)"},
        {403,
         "403: a Role in the namespace default has to allow the verb 'get' on leases of "
         "coordination.k8s.io (no)"},
        {500, "500: no"},
        {503, "503: no"}};
    for (const auto& [code, text] : errors) {
        api.setFault([code = code](const Request&, Peer& peer) {
            FakeKubernetes::refuse(peer, code, "no");
            return true;
        });
        EXPECT_PRED2(has, next(), text);
    }
    EXPECT_GE(Clock::system().now() - start, 3s) << "a sixth of the ttl between two of them";
    api.setFault([](const Request&, Peer& peer) {
        FakeKubernetes::refuse(peer, 403, "unable to create it in default because it is being terminated");
        return true;
    });
    EXPECT_PRED2(has, next(), "403: the namespace default is being deleted (unable to");
    api.setFault([](const Request&, Peer& peer) { return peer.answer(502, "<html>Bad Gateway</html>"); });
    EXPECT_PRED2(has, next(), "502: no reason given");
    api.setFault([](const Request&, Peer& peer) { return peer.answer(200, "<html>Welcome</html>"); });
    EXPECT_PRED2(has, next(), "is not JSON");
    api.setFault({});
    EXPECT_EQ("leader 0", next());
}

TEST_F(KubernetesEngineTest, AnOverloadedServerIsLeftAloneForAsLongAsItAsks) {
    api.setFault([](const Request&, Peer& peer) {
        FakeKubernetes::refuse(peer, 429, "too many", "Retry-After: 3\r\n");
        return true;
    });
    EXPECT_PRED2(has, next(),
                 "429: the API server is overloaded and asks to be left alone for 3s (too many)");
    api.setFault({});
    const Instant start = Clock::system().now();
    EXPECT_EQ("leader 0", next());
    EXPECT_GE(Clock::system().now() - start, 2900ms);
}

TEST_F(KubernetesEngineTest, ItIsLeftAloneForASecondAtLeastAndAMinuteAtMost) {
    for (const auto& [header, seconds] : {std::pair("", "1s"), std::pair("Retry-After: 0\r\n", "1s"),
                                          std::pair("Retry-After: 86400\r\n", "60s")}) {
        api.setFault([header = header](const Request&, Peer& peer) {
            FakeKubernetes::refuse(peer, 429, "too many", header);
            return true;
        });
        EXPECT_PRED2(has, next(), std::string("left alone for ") + seconds) << header;
    }
}

TEST_F(KubernetesEngineTest, TheEndOfAnOutageIsAnAnswerAtOnce) {
    options.heartbeat = 20s;
    api.put(recentOthers());
    EXPECT_EQ("follower of other", next());
    api.setFault([](const Request&, Peer& peer) {
        FakeKubernetes::refuse(peer, 503, "no");
        return true;
    });
    api.endWatches();
    EXPECT_PRED2(has, next(), "503: no");
    api.setFault({});
    const Instant start = Clock::system().now();
    EXPECT_EQ("follower of other", next());
    EXPECT_LT(Clock::system().now() - start, 10s);
}

TEST_F(KubernetesEngineTest, AServerThatIsBeingStartedIsLeftAloneForAsLongAsItAsksToo) {
    api.setFault([](const Request&, Peer& peer) {
        FakeKubernetes::refuse(peer, 503, "not yet", "Retry-After: 3\r\n");
        return true;
    });
    EXPECT_PRED2(has, next(), "503: not yet");
    api.setFault({});
    const Instant start = Clock::system().now();
    EXPECT_EQ("leader 0", next());
    EXPECT_GE(Clock::system().now() - start, 2900ms);
}

TEST_F(KubernetesEngineTest, APageThatIsNotFoundIsNoLeaseThatIsMissing) {
    EXPECT_EQ("leader 0", next());
    // As from a load balancer in between; the next write runs into a conflict, so that the Lease is read.
    api.setFault([](const Request& request, Peer& peer) {
        if (request.method == "PUT")
            FakeKubernetes::refuse(peer, 409, "changed");
        else
            peer.answer(404, "404 page not found");
        return true;
    });
    EXPECT_PRED2(has, next(), "404: is no API server of Kubernetes 1.14 or later");
    api.setFault({});
    EXPECT_EQ("leader 0", next()) << "it has kept its lease";
    EXPECT_EQ(1, api.count("POST"));
}

TEST_F(KubernetesEngineTest, ATokenIsReadAgainAndAVanishedOneGoesOn) {
    options.heartbeat = 1s;  // renewals come as often
    EXPECT_EQ("leader 0", next());
    std::ofstream(api.tokenFile()) << "another-token";
    EXPECT_EQ("leader 0", next());
    EXPECT_EQ("Bearer another-token", api.requests().back().headers.get("Authorization"));
    std::filesystem::remove(api.tokenFile());
    testing::internal::CaptureStderr();
    EXPECT_EQ("leader 0", next());
    const std::string warning = api.tokenFile() + ": No such file or directory: going on with the last token";
    EXPECT_PRED2(has, testing::internal::GetCapturedStderr(), warning);
    EXPECT_EQ("Bearer another-token", api.requests().back().headers.get("Authorization"));
    std::ofstream(api.tokenFile()) << "a-third-token";
    EXPECT_EQ("leader 0", next());
    std::filesystem::remove(api.tokenFile());
    testing::internal::CaptureStderr();
    EXPECT_EQ("leader 0", next());
    EXPECT_PRED2(has, testing::internal::GetCapturedStderr(), warning) << "once each time";
}

TEST_F(KubernetesEngineTest, WithoutATokenNothingIsAsked) {
    std::filesystem::remove(api.tokenFile());
    EXPECT_EQ("the token file " + api.tokenFile() + ": No such file or directory", next());
    std::ofstream(api.tokenFile()) << "two\nlines";
    EXPECT_EQ("the token file " + api.tokenFile() + ": holds no single line", next());
    EXPECT_TRUE(api.requests().empty());
}

TEST_F(KubernetesEngineTest, LeavingReleasesTheLeaseAlsoWhenInterrupted) {
    EXPECT_EQ("leader 0", next());
    interrupt.raise();
    engine().leave();
    EXPECT_PRED2(has, api.lease(), R"("holderIdentity":"")");
    EXPECT_PRED2(has, api.lease(), R"("leaseDurationSeconds":1,)");
    EXPECT_FALSE(has(api.lease(), "leader/member"));
}

TEST_F(KubernetesEngineTest, LeavingReleasesWhatSomebodyElseHasWrittenMeanwhile) {
    EXPECT_EQ("leader 0", next());
    setLabel();
    interrupt.raise();
    engine().leave();
    EXPECT_PRED2(has, api.lease(), R"("holderIdentity":"")");
}

TEST_F(KubernetesEngineTest, LeavingWithoutTheLeaseLeavesItAlone) {
    api.put(kOthers);
    EXPECT_EQ("follower of other", next());
    interrupt.raise();
    engine().leave();
    EXPECT_EQ(0, api.count("PUT"));
}

TEST_F(KubernetesEngineTest, WhoLooksOnWritesNothingAndSeesALeaderThatDoesNotRenewGo) {
    options.candidate = false;
    options.self = "other";
    std::string spec = kOthers;
    spec.replace(spec.find("600"), 3, "1");
    api.put(spec);
    EXPECT_EQ("follower of nobody", next());
    spec.replace(spec.find("00:00:00"), 8, "00:00:01");
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return api.watching() == 1; }));
        api.put(spec);
    });
    EXPECT_EQ("leader 5", next());
    other.join();
    EXPECT_EQ("follower of nobody", next());
    EXPECT_EQ(0, api.count("PUT") + api.count("POST"));
}

TEST_F(KubernetesEngineTest, TheAddressOfAHolderThatTellsNoneIsItsPods) {
    options.addresses = true;
    std::string spec = kOthers;
    spec.replace(spec.find("\"other\""), 7, "\"pod-1_4711\"");
    api.put(spec);
    api.setFault([](const Request& request, Peer& peer) {
        if (request.path == "/api/v1/namespaces/default/pods/pod-1_4711")
            FakeKubernetes::refuse(peer, 404, "no");
        else if (request.path == "/api/v1/namespaces/default/pods/pod-1")
            peer.answer(200, R"({"kind":"Pod","status":{"podIP":"10.1.2.3"}})");
        else
            return false;
        return true;
    });
    EXPECT_EQ("follower of pod-1_4711", next());
    EXPECT_EQ("10.1.2.3", last->candidates.at(0).address);
}

TEST_F(KubernetesEngineTest, AHoldersNameDoesNotLeadToAnythingElseThanAPod) {
    options.addresses = true;
    std::string spec = kOthers;
    api.put(spec.replace(spec.find("other"), 5, "../secrets/a?b"));
    EXPECT_EQ("follower of ../secrets/a?b", next());
    EXPECT_EQ("/api/v1/namespaces/default/pods/..%2Fsecrets%2Fa%3Fb", api.requests().back().path);
}

TEST_F(KubernetesEngineTest, AViewTellsHowLongTheAnswerTookButNotHowLongAWatchWaited) {
    options.candidate = false;
    options.addresses = true;
    api.put(recentOthers());
    api.setFault([](const Request& request, Peer& peer) {
        if (!FakeKubernetes::isWatch(request)) peer.pause(50ms);
        return false;
    });
    const Instant start = Clock::system().now();
    EXPECT_EQ("follower of other", next());
    const Duration all = Clock::system().now() - start;
    ASSERT_TRUE(last->latency);
    EXPECT_GE(*last->latency, 50ms);
    EXPECT_LE(*last->latency, all - 50ms) << "the question for a pod is another one";
    std::thread other([&] {
        EXPECT_TRUE(test::eventually([&] { return api.watching() == 1; }));
        api.put(kFree);
    });
    EXPECT_TRUE(becomes("follower of nobody"));
    other.join();
    EXPECT_FALSE(last->latency);
}

TEST_F(KubernetesEngineTest, AClaimAndEachRenewalTellHowLongTheyTook) {
    options.ttl = 3s;
    const Instant start = Clock::system().now();
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ("leader 0", next());
        ASSERT_TRUE(last->latency);
        EXPECT_GT(*last->latency, Duration::zero());
        EXPECT_LE(*last->latency, Clock::system().now() - start - i * 1s)
            << "the wait for the renewal is no part";
    }
}

TEST_F(KubernetesEngineTest, WhatCannotBeIsRefusedAtOnce) {
    const auto refusal = [&](const std::string& url) {
        options.url = url;
        const auto result = makeEngine(options, interrupt);
        return result ? "" : result.error().message;
    };
    EXPECT_PRED2(has, refusal("kubernetes://h/ns/name"), "is not kubernetes://HOST:PORT/NAMESPACE/NAME");
    EXPECT_PRED2(has, refusal("kubernetes://h:1/name"), "is not kubernetes://HOST:PORT/NAMESPACE/NAME");
    EXPECT_PRED2(has, refusal("kubernetes://h:1/ns/Name"), "'Name' is no name in Kubernetes");
    EXPECT_PRED2(has, refusal("kubernetes:db"), "is for a pod, where KUBERNETES_SERVICE_HOST");
    ::setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1", 1);
    for (const char* port : {"", "0", "65536", "-1", "443x"}) {
        ::setenv("KUBERNETES_SERVICE_PORT", port, 1);
        EXPECT_PRED2(has, refusal("kubernetes:db"), "is for a pod, where KUBERNETES_SERVICE_HOST") << port;
    }
    ::unsetenv("KUBERNETES_SERVICE_HOST");
    ::unsetenv("KUBERNETES_SERVICE_PORT");
    options.ttl = 2500ms;
    EXPECT_PRED2(has, refusal(api.url()), "--ttl: '2s500ms' is not in whole seconds");
    options.ttl = 6s;
    options.tokenFile.clear();
    EXPECT_PRED2(has, refusal(api.url()), "give --token-file, or --cert-file and --key-file");
    options.tokenFile = api.tokenFile();
    options.service = "db";
    EXPECT_PRED2(has, refusal(api.url()),
                 "--service: '" + options.url + "' names its election itself, leave it out");
}

}  // namespace
}  // namespace leader
