#include "common/election/etcd_engine.h"

#include <Poco/Environment.h>
#include <Poco/UUIDGenerator.h>

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/sabotage.h"
#include "common/election/etcd_election.h"
#include "common/election/etcd_url.h"
#include "common/election/rule.h"

namespace leader {
namespace {

using std::chrono::seconds;

/// For leaving: so long that etcd can find itself another leader meanwhile. Each endpoint, and the mark.
constexpr Duration kLeaveAttempt = seconds(1);
constexpr Duration kMarkTime = std::chrono::milliseconds(2500);
/// An onlooker has no lease whose renewal shows that the endpoint lives.
constexpr Duration kOnlookersSilence = seconds(30);

class EtcdEngine : public Engine {
  public:
    EtcdEngine(const EngineOptions& options, const EtcdUrl& url, const Interrupt& interrupt)
        : options_(options),
          interrupt_(interrupt),
          client_(url.endpoints, options.attempt(), interrupt),
          election_(url.name) {
        client_.gateway().setDeadline(options.deadline);
        client_.gateway().identify(options.user, options.passwordFile);
        identity_.name = options.self.empty() ? Poco::Environment::nodeName() : options.self;
        identity_.uuid = Poco::UUIDGenerator::defaultGenerator().createRandom().toString();
    }

    ViewOrError next() override;
    void waitToRetry(Duration longest) override { interrupt_.wait(std::min(longest, options_.attempt())); }
    void leave() override;

  private:
    /// This member's, from before its key is there on.
    struct Lease {
        std::int64_t id = 0;
        Instant validUntil;
        Instant renewAt;
    };

    ViewOrError proceed();
    std::optional<Error> beMember();
    std::optional<Error> acquire();
    std::optional<Error> renew();
    std::optional<Error> createKey();
    Lease asGranted(const EtcdLease& granted) const;
    void lose(const std::string& why);

    std::optional<Error> look();
    std::optional<Error> watch(Instant until);
    bool mustWaitToLead() const;
    std::shared_ptr<View> currentView() const;
    /// The last request has been answered.
    void answered() { latency_ = Clock::system().now() - client_.gateway().askedAt(); }

    const EngineOptions options_;
    const Interrupt& interrupt_;
    /// For leaving, when the other one is raised.
    const Interrupt never_;
    EtcdClient client_;
    EtcdElection election_;
    EtcdIdentity identity_;
    std::optional<Lease> lease_;
    /// The candidacy was lost, and next() has not said so yet.
    bool lost_ = false;
    /// The keys are known as they were at a revision that a watch can go on from.
    bool known_ = false;
    /// What is known has changed or was vouched for, and next() has not said so yet.
    bool news_ = false;
    /// What the last answer took, until next() has said so; a watch only waits.
    std::optional<Duration> latency_;
};

// After an error all is read anew, so that the first success is one at once and not with the next change.
Engine::ViewOrError EtcdEngine::next() {
    auto view = proceed();
    if (!view) known_ = false;
    return view;
}

Engine::ViewOrError EtcdEngine::proceed() {
    const Instant heartbeat = std::min(Clock::system().now() + options_.heartbeat, options_.deadline);
    for (std::size_t failures = 0; !interrupt_.raised();) {
        if (options_.candidate && !lost_)
            if (const auto error = beMember()) return *error;
        if (!known_ && !lost_)
            if (const auto error = look()) return *error;
        const bool waits = mustWaitToLead();
        if (lost_ || (news_ && !waits)) {
            lost_ = news_ = false;
            auto view = currentView();
            view->latency = std::exchange(latency_, std::nullopt);
            return std::shared_ptr<const View>(std::move(view));
        }
        if (!lease_ && Clock::system().now() >= heartbeat) {
            known_ = false;
            continue;
        }
        Instant until = lease_ ? lease_->renewAt : heartbeat;
        if (waits) until = std::min(until, election_.notBefore());
        const auto error = watch(until);
        // A watch may end at any time; that the next one fails everywhere, too, is worth an error.
        if (error && ++failures > client_.gateway().size()) return *error;
    }
    return Error{"interrupted"};
}

std::optional<Error> EtcdEngine::beMember() {
    if (!lease_) {
        if (auto error = acquire()) return error;
    } else if (Clock::system().now() >= lease_->renewAt) {
        if (auto error = renew()) return error;
    }
    return lease_ && !election_.joined() ? createKey() : std::nullopt;
}

std::optional<Error> EtcdEngine::acquire() {
    client_.gateway().forgetCluster();
    const auto granted = client_.grant(std::chrono::duration_cast<seconds>(options_.ttl));
    if (!granted) return granted.error();
    answered();
    lease_ = asGranted(*granted);
    return {};
}

std::optional<Error> EtcdEngine::renew() {
    const auto renewed = client_.keepAlive(lease_->id);
    if (renewed) answered();
    if (renewed && renewed->ttl > Duration::zero()) {
        lease_ = asGranted(*renewed);
        news_ = true;
    } else if (renewed) {
        lose("was revoked, or has ended");
    } else if (client_.gateway().metOtherCluster() && Clock::system().now() >= lease_->validUntil) {
        lose("belonged to another etcd cluster, and has ended");
    } else {
        return renewed.error();
    }
    return {};
}

EtcdEngine::Lease EtcdEngine::asGranted(const EtcdLease& granted) const {
    const Instant asked = sabotage::kLeaseFromAnswer ? Clock::system().now() : client_.gateway().askedAt();
    return {granted.id, asked + granted.ttl, asked + std::min(granted.ttl / 3, options_.heartbeat)};
}

// Where the answer is lost, the key may be there all the same: it is asked for again under the same lease.
std::optional<Error> EtcdEngine::createKey() {
    identity_.address =
        options_.selfAddress.empty() ? client_.gateway().localAddress() : options_.selfAddress;
    const std::string key = election_.keyOf(lease_->id);
    const auto state = client_.create(key, identity_.toJson(), lease_->id, election_.prefix());
    if (!state) return state.error();
    answered();
    if (!election_.join(key, *state, Clock::system().now()))
        return Error{"etcd has not created the key " + key};
    client_.gateway().closeWatch();
    client_.watchFrom(state->revision + 1);
    known_ = news_ = true;
    return {};
}

void EtcdEngine::lose(const std::string& why) {
    lost_ = election_.isMember();
    if (lost_)
        log::warning("the lease of " + election_.keyOf(lease_->id) + " " + why +
                     ": joining again, as the last");
    lease_.reset();
    election_.withdraw();
}

/// Reads all keys; an onlooker accepts any cluster that answers.
std::optional<Error> EtcdEngine::look() {
    if (!lease_) client_.gateway().forgetCluster();
    const auto state = client_.range(election_.prefix());
    if (!state) return state.error();
    answered();
    election_.replace(*state, Clock::system().now());
    // A watch that is behind goes on: what it says of the past is known.
    if (!client_.gateway().watching() || state->revision + 1 < client_.nextRevision()) {
        client_.gateway().closeWatch();
        client_.watchFrom(state->revision + 1);
    }
    known_ = news_ = true;
    if (lease_ && !election_.joined()) lose("has lost its key");
    return {};
}

/// Waits for news until then.
std::optional<Error> EtcdEngine::watch(Instant until) {
    if (!client_.gateway().watching()) {
        const Duration silence = lease_ ? options_.ttl : kOnlookersSilence;
        if (auto error = client_.watch(election_.prefix(), silence)) return error;
    }
    const auto news = client_.news(until);
    if (!news) return news.error();
    if (!news->has_value()) return {};
    if ((*news)->gap) {
        known_ = false;
    } else if (!(*news)->events.empty()) {
        election_.apply(**news, Clock::system().now());
        news_ = true;
        if (lease_ && !election_.joined()) lose("has lost its key");
    }
    return {};
}

bool EtcdEngine::mustWaitToLead() const {
    return lease_ && Clock::system().now() < election_.notBefore() &&
           elect(*currentView(), false).role == Role::kLeader;
}

std::shared_ptr<View> EtcdEngine::currentView() const {
    // A candidate is itself and nobody else of its name.
    auto view = election_.view(options_.candidate ? identity_.uuid : identity_.name);
    view->engine = options_.url;
    view->observedAt = Clock::system().now();
    if (lease_) view->validUntil = lease_->validUntil;
    return view;
}

// Who follows can start at the mark; taking the key away is for those who do not know it, and tidiness.
void EtcdEngine::leave() {
    if (!lease_) return;
    const Instant start = Clock::system().now();
    client_.gateway().resume(kLeaveAttempt, never_);
    if (election_.joined()) {
        identity_.left = true;
        client_.gateway().setDeadline(start + kMarkTime);
        client_.replace(election_.keyOf(lease_->id), election_.createRevision(), identity_.toJson(),
                        lease_->id);
    }
    client_.gateway().setDeadline(start + kLeaveTime);
    if (const auto error = client_.revoke(lease_->id))
        log::warning("cannot leave the election, the lease has to end by itself: " + error->message);
}

}  // namespace

Result<std::unique_ptr<Engine>> makeEtcdEngine(const EngineOptions& options, const Interrupt& interrupt) {
    auto url = parseEtcdUrl(options.url);
    if (!url) return url.error();
    for (metadata::HttpOrigin& endpoint : url->endpoints)
        if (endpoint.tls) endpoint.tls = options.tls;
    return std::unique_ptr<Engine>(std::make_unique<EtcdEngine>(options, *url, interrupt));
}

}  // namespace leader
