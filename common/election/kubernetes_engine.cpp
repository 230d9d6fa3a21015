#include "common/election/kubernetes_engine.h"

#include <Poco/Environment.h>
#include <Poco/UUIDGenerator.h>

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/sabotage.h"
#include "common/election/kubernetes_client.h"
#include "common/election/kubernetes_election.h"
#include "common/metadata/tls_functions.h"

namespace leader {
namespace {

using std::chrono::seconds;

/// client-go's RetryPeriod: no two tries of anything that failed are nearer to each other, unless the ttl is
/// shorter than its 15 s.
constexpr Duration kRetryPeriod = seconds(2);
/// However often the engine has to vouch for what it said.
constexpr Duration kShortestRenewal = seconds(1);
constexpr int kLeaveTries = 4;
constexpr Duration kLeavePause = std::chrono::milliseconds(300);
/// Between two questions for a pod that has no address yet.
constexpr Duration kAddressInterval = seconds(10);

std::string wallTime() {
    return leaseTime(std::chrono::system_clock::now());
}

class KubernetesEngine : public Engine {
  public:
    KubernetesEngine(const EngineOptions& options, const KubernetesTarget& target, LeaseMember self,
                     const Interrupt& interrupt)
        : options_(options),
          group_(target.namespaceName + "/" + target.name),
          interrupt_(interrupt),
          retryPeriod_(std::min(kRetryPeriod, options.attempt())),
          client_(target, options.attempt(), interrupt),
          election_(std::move(self), std::chrono::duration_cast<seconds>(options.ttl)) {
        client_.setDeadline(options.deadline);
    }

    ViewOrError next() override;
    void waitToRetry(Duration longest) override { interrupt_.wait(longest); }
    void leave() override;

  private:
    std::optional<Error> campaign();
    std::optional<Error> take();
    std::optional<Error> renew();
    std::optional<Error> look();
    std::optional<Error> watch(Instant until);
    void apply(const LeaseNews& news);
    void learn(std::optional<KubernetesLease> lease);
    /// What the last request was answered.
    void learnAnswer(std::optional<KubernetesLease> lease);
    Instant renewalAfter(Instant sentAt) const;
    void keepPace();
    std::string ownAddress() const;
    std::string holdersAddress();
    ViewOrError currentView();

    const EngineOptions options_;
    const std::string group_;
    const Interrupt& interrupt_;
    /// For leaving, when the other one is raised.
    const Interrupt never_;
    const Duration retryPeriod_;
    KubernetesClient client_;
    KubernetesElection election_;
    Instant renewAt_;
    /// What a watch goes on from; empty: from what is there.
    std::string resourceVersion_;
    /// When the last one was opened, and something failed.
    Instant watchedAt_;
    Instant failedAt_;
    bool failing_ = false;
    /// What is known has changed or was vouched for, and next() has not said so yet.
    bool news_ = false;
    /// next() has said that the holder's time is over.
    bool saidExpired_ = false;
    /// What the last answer about the Lease took, until next() has said so; a watch only waits.
    std::optional<Duration> latency_;
    /// Of a holder that has not told: its pod's.
    std::string askedHolder_;
    std::string podAddress_;
    Instant addressAskedAt_;
};

Engine::ViewOrError KubernetesEngine::next() {
    keepPace();
    const Instant heartbeat = Clock::system().now() + std::max(options_.heartbeat, retryPeriod_);
    while (!interrupt_.raised()) {
        std::optional<Error> error;
        if (!election_.known() ||
            (!election_.holds() && Clock::system().now() >= std::min(heartbeat, options_.deadline)))
            error = look();
        if (!error && options_.candidate) error = campaign();
        const bool expired =
            !election_.holds() && election_.lease() && election_.expired(Clock::system().now());
        if (!error && ((news_ && !election_.doubtful(Clock::system().now())) || expired != saidExpired_)) {
            saidExpired_ = expired;
            return currentView();
        }
        Instant until = election_.holds() ? renewAt_ : heartbeat;
        if (!election_.holds() && !expired) until = std::min(until, election_.freeAt());
        if (!error) error = watch(until);
        if (error) {
            failing_ = true;
            failedAt_ = Clock::system().now();
            return *error;
        }
    }
    return Error{"interrupted"};
}

std::optional<Error> KubernetesEngine::campaign() {
    if (election_.holds()) return Clock::system().now() >= renewAt_ ? renew() : std::nullopt;
    return election_.expired(Clock::system().now()) ? take() : std::nullopt;
}

std::optional<Error> KubernetesEngine::take() {
    const Instant sentAt = Clock::system().now();
    const auto& old = election_.lease();
    const LeaseRecord record = election_.claim(ownAddress(), sentAt, wallTime());
    const auto written =
        old ? client_.update(*old, record, election_.self()) : client_.create(record, election_.self());
    if (!written) {
        // It may have come about all the same.
        election_.forget();
        return written.error();
    }
    if (!*written) return look();
    client_.closeWatch();
    resourceVersion_ = (*written)->resourceVersion;
    renewAt_ = renewalAfter(sentAt);
    learnAnswer(*written);
    return {};
}

std::optional<Error> KubernetesEngine::renew() {
    for (int tries = 0; tries < 2 && election_.holds(); ++tries) {
        const Instant sentAt = Clock::system().now();
        const auto written =
            client_.update(*election_.lease(), election_.renewal(wallTime()), election_.self());
        if (!written) return written.error();
        if (*written) {
            learnAnswer(*written);
            if (election_.holds())
                election_.renewed(sabotage::kLeaseFromAnswer ? Clock::system().now() : sentAt);
            renewAt_ = renewalAfter(sentAt);
            return {};
        }
        // Somebody has changed it: the record, or only a label of it.
        if (auto error = look()) return error;
    }
    return election_.holds() ? std::optional(Error{group_ + ": changes faster than it can be renewed"})
                             : std::nullopt;
}

std::optional<Error> KubernetesEngine::look() {
    auto lease = client_.get();
    if (!lease) return lease.error();
    client_.closeWatch();
    resourceVersion_ = *lease ? (*lease)->resourceVersion : "";
    learnAnswer(std::move(*lease));
    return {};
}

// A watch ends now and then, and its connection may break: only that no other one can be had is an error.
std::optional<Error> KubernetesEngine::watch(Instant until) {
    if (!client_.watching()) {
        const Duration early = watchedAt_ + retryPeriod_ - Clock::system().now();
        if (early > Duration::zero()) {
            interrupt_.wait(std::min(early, until - Clock::system().now()));
            return {};
        }
        watchedAt_ = Clock::system().now();
        if (auto error = client_.watch(resourceVersion_)) return error;
        // Nothing may happen for long, and that it can be told again is news.
        if (std::exchange(failing_, false)) {
            news_ = true;
            return {};
        }
    }
    const auto news = client_.news(until);
    if (news && *news) apply(**news);
    if (Clock::system().now() >= options_.deadline)
        return Error{group_ + ": was last renewed " +
                     (election_.lease() ? election_.lease()->record.renewTime : "never") +
                     ", and not since it is watched"};
    return {};
}

void KubernetesEngine::apply(const LeaseNews& news) {
    using Kind = LeaseNews::Kind;
    if (news.kind == Kind::kEnded) return;
    resourceVersion_ = news.kind == Kind::kGone ? "" : news.resourceVersion;
    if (news.kind == Kind::kDeleted) return learn({});
    if (news.kind == Kind::kBookmark) news_ = true;
    // What this member wrote itself is known, and newer than what is told of it.
    if (news.kind == Kind::kChanged && !election_.isHeld(news.lease)) learn(news.lease);
}

void KubernetesEngine::learnAnswer(std::optional<KubernetesLease> lease) {
    latency_ = Clock::system().now() - client_.askedAt();
    learn(std::move(lease));
}

void KubernetesEngine::learn(std::optional<KubernetesLease> lease) {
    election_.learn(std::move(lease), Clock::system().now(), std::chrono::system_clock::now());
    news_ = true;
}

Instant KubernetesEngine::renewalAfter(Instant sentAt) const {
    return sentAt + std::min(options_.ttl / 3, std::max(options_.heartbeat, kShortestRenewal));
}

void KubernetesEngine::keepPace() {
    if (failedAt_ == Instant()) return;
    const Instant again = std::max(failedAt_ + retryPeriod_, client_.notBefore());
    interrupt_.wait(std::min(again, options_.deadline) - Clock::system().now());
    failedAt_ = {};
}

std::string KubernetesEngine::ownAddress() const {
    if (!options_.selfAddress.empty()) return options_.selfAddress;
    const std::string pod = Poco::Environment::get("POD_IP", "");
    return pod.empty() ? client_.localAddress() : pod;
}

// Many programs make their identity of their pod's name, a '_' and something random.
std::string KubernetesEngine::holdersAddress() {
    const auto& lease = election_.lease();
    if (!options_.addresses || !lease || lease->member || lease->record.holder.empty()) return "";
    const std::string& holder = lease->record.holder;
    if (holder == askedHolder_ &&
        (!podAddress_.empty() || Clock::system().now() < addressAskedAt_ + kAddressInterval))
        return podAddress_;
    const bool first = holder != askedHolder_;
    askedHolder_ = holder;
    addressAskedAt_ = Clock::system().now();
    podAddress_.clear();
    auto address = client_.addressOfPod(holder);
    const std::size_t suffix = holder.rfind('_');
    if (address && address->empty() && suffix != std::string::npos)
        address = client_.addressOfPod(holder.substr(0, suffix));
    if (address)
        podAddress_ = *address;
    else if (first)
        log::warning("the address of " + holder + " cannot be found: " + address.error().message);
    return podAddress_;
}

Engine::ViewOrError KubernetesEngine::currentView() {
    news_ = false;
    const std::string address = holdersAddress();
    auto view = election_.view(address, Clock::system().now());
    view->group = group_;
    view->engine = options_.url;
    view->latency = std::exchange(latency_, std::nullopt);
    return std::shared_ptr<const View>(view);
}

void KubernetesEngine::leave() {
    if (!options_.candidate) return;
    client_.setInterrupt(never_);
    client_.setDeadline(Clock::system().now() + kLeaveTime);
    std::optional<Error> error;
    for (int tries = 0; tries < kLeaveTries; ++tries) {
        if (error) never_.wait(kLeavePause);
        // What was tried last may have come about without an answer.
        if (error || !election_.known()) error = look();
        if (error) continue;
        if (!election_.holds()) return;
        const auto written = client_.update(*election_.lease(), election_.release(wallTime()), {});
        if (written && *written) return;
        error = written ? Error{group_ + ": has been changed"} : written.error();
    }
    if (error) log::warning("cannot release the lease, it has to end by itself: " + error->message);
}

}  // namespace

Result<std::unique_ptr<Engine>> makeKubernetesEngine(const EngineOptions& options,
                                                     const Interrupt& interrupt) {
    const auto target = findKubernetes(options);
    if (!target) return target.error();
    const auto tls = metadata::tlsFunctions();
    if (!tls) return tls.error();
    if (const auto error = (*tls)->check(*target->origin.tls)) return *error;
    LeaseMember self;
    self.name = kubernetesIdentity(options);
    if (options.candidate) self.uuid = Poco::UUIDGenerator::defaultGenerator().createRandom().toString();
    return std::unique_ptr<Engine>(std::make_unique<KubernetesEngine>(options, *target, self, interrupt));
}

}  // namespace leader
