#include "common/election/kubernetes_client.h"

#include <Poco/Exception.h>
#include <Poco/NumberParser.h>
#include <Poco/URI.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/metadata/json.h"
#include "common/metadata/secret.h"

namespace leader {
namespace {

namespace json = metadata::json;
using metadata::HttpRequest;
using metadata::HttpResponse;

constexpr int kOk = 200;
constexpr int kCreated = 201;
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kConflict = 409;
constexpr int kGone = 410;
constexpr int kTooManyRequests = 429;

// The server ends a watch after this, so that none outlives a server that is to be replaced.
constexpr std::chrono::seconds kWatchTime = std::chrono::minutes(5);
// A server without a word for this long, of TCP's either, is gone.
constexpr Duration kSilence = std::chrono::seconds(30);
// However long the server would like to be left alone.
constexpr std::chrono::seconds kLongestRetryAfter{60};

/// The Status object that the server sends with every error; null where it is a proxy's page, say.
json::Object statusIn(const HttpResponse& response) {
    try {
        auto status = json::asObject(json::parse(response.body, ""), "");
        return json::text(*status, "kind", "") == "Status" ? status : json::Object();
    } catch (const Poco::Exception&) {
        return {};
    }
}

/// The server's own words.
std::string messageOf(const HttpResponse& response) {
    const auto status = statusIn(response);
    return status ? status->optValue<std::string>("message", "") : "";
}

/// There is no such object; where the path itself is not known, the server sends no Status.
bool isMissing(const HttpResponse& response) {
    return response.status == kNotFound && statusIn(response);
}

std::optional<std::chrono::seconds> retryAfter(const HttpResponse& response) {
    int seconds = 0;
    if (!Poco::NumberParser::tryParse(response.headers.get("Retry-After", ""), seconds)) return {};
    return std::clamp(std::chrono::seconds(seconds), std::chrono::seconds(1), kLongestRetryAfter);
}

}  // namespace

KubernetesClient::KubernetesClient(KubernetesTarget target, Duration attempt, const Interrupt& interrupt)
    : target_(std::move(target)),
      attempt_(attempt),
      client_(target_.origin, interrupt),
      watch_(target_.origin, interrupt) {
}

std::string KubernetesClient::leases() const {
    return "/apis/coordination.k8s.io/v1/namespaces/" + target_.namespaceName + "/leases";
}

Result<std::optional<KubernetesLease>> KubernetesClient::get() {
    const Verb verb{"GET", "get"};
    const std::string path = leases() + "/" + target_.name;
    const auto response = ask(verb, path, "");
    if (!response) return response.error();
    if (isMissing(*response)) return std::optional<KubernetesLease>();
    if (response->status != kOk) return refusal(verb, path, *response);
    const auto lease = KubernetesLease::parse(response->body, where(path));
    if (!lease) return lease.error();
    return std::optional<KubernetesLease>(*lease);
}

Result<std::optional<KubernetesLease>> KubernetesClient::create(const LeaseRecord& record,
                                                                const LeaseMember& member) {
    const Verb verb{"POST", "create"};
    const auto response =
        ask(verb, leases(), KubernetesLease::create(target_.namespaceName, target_.name, record, member));
    if (!response) return response.error();
    if (response->status == kConflict) return std::optional<KubernetesLease>();
    if (response->status != kCreated) return refusal(verb, leases(), *response);
    const auto lease = KubernetesLease::parse(response->body, where(leases()));
    if (!lease) return lease.error();
    return std::optional<KubernetesLease>(*lease);
}

Result<std::optional<KubernetesLease>> KubernetesClient::update(const KubernetesLease& lease,
                                                                const LeaseRecord& record,
                                                                const std::optional<LeaseMember>& member) {
    const Verb verb{"PUT", "update"};
    const std::string path = leases() + "/" + target_.name;
    const auto response = ask(verb, path, lease.with(record, member));
    if (!response) return response.error();
    if (response->status == kConflict || isMissing(*response)) return std::optional<KubernetesLease>();
    if (response->status != kOk) return refusal(verb, path, *response);
    const auto written = KubernetesLease::parse(response->body, where(path));
    if (!written) return written.error();
    return std::optional<KubernetesLease>(*written);
}

Result<std::string> KubernetesClient::addressOfPod(const std::string& pod) {
    const Verb verb{"GET", "get"};
    std::string escaped;
    Poco::URI::encode(pod, "/?#&%", escaped);
    const std::string path = "/api/v1/namespaces/" + target_.namespaceName + "/pods/" + escaped;
    const auto response = ask(verb, path, "");
    if (!response) return response.error();
    if (isMissing(*response)) return std::string();
    if (response->status != kOk) return refusal(verb, path, *response);
    try {
        const auto object = json::asObject(json::parse(response->body, where(path)), where(path));
        const auto status = json::object(*object, "status", where(path));
        return status ? json::text(*status, "podIP", where(path)) : std::string();
    } catch (const Poco::Exception& e) {
        return Error{e.message()};
    }
}

std::optional<Error> KubernetesClient::watch(const std::string& resourceVersion) {
    const Verb verb{"GET", "watch"};
    std::string path = leases() + "?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3D" +
                       target_.name + "&timeoutSeconds=" + std::to_string(kWatchTime.count());
    if (!resourceVersion.empty()) {
        path += "&resourceVersion=";
        Poco::URI::encode(resourceVersion, "&?#=+", path);
    }
    const auto asked = request(verb.method, path);
    if (!asked) return asked.error();
    const auto response =
        watch_.open(*asked, kSilence, std::min(deadline_, Clock::system().now() + attempt_));
    if (!response) return response.error();
    if (watch_.isOpen()) return {};
    if (response->status == kGone && !resourceVersion.empty()) return watch("");
    return refusal(verb, leases(), *response);
}

Result<std::optional<LeaseNews>> KubernetesClient::news(Instant until) {
    const auto line = watch_.line(std::min(until, deadline_));
    if (!line) return line.error();
    if (!line->has_value()) {
        if (watch_.isOpen()) return std::optional<LeaseNews>();
        return std::optional<LeaseNews>(LeaseNews{LeaseNews::Kind::kEnded});
    }
    const auto news = parseNews(**line);
    if (!news || news->kind == LeaseNews::Kind::kGone) watch_.close();
    if (!news) return news.error();
    return std::optional<LeaseNews>(*news);
}

Result<LeaseNews> KubernetesClient::parseNews(const std::string& line) const {
    using Kind = LeaseNews::Kind;
    const std::string place = where(leases()) + " (watch)";
    try {
        const auto event = json::asObject(json::parse(line, place), place);
        const std::string type = json::text(*event, "type", place);
        const auto object = json::object(*event, "object", place);
        if (!object) return Error{place + ": an event without an object"};
        if (type == "ERROR") {
            if (object->optValue("code", 0) == kGone) return LeaseNews{Kind::kGone};
            return Error{place + ": " + json::text(*object, "message", place)};
        }
        const auto meta = json::object(*object, "metadata", place);
        const std::string version = meta ? json::text(*meta, "resourceVersion", place) : "";
        if (type == "BOOKMARK") return LeaseNews{Kind::kBookmark, {}, version};
        if (type == "DELETED") return LeaseNews{Kind::kDeleted, {}, version};
        const auto lease = KubernetesLease::parse(json::textOf(*object), place);
        if (!lease) return lease.error();
        return LeaseNews{Kind::kChanged, *lease, version};
    } catch (const Poco::Exception& e) {
        return Error{e.message()};
    }
}

Result<HttpResponse> KubernetesClient::ask(const Verb& verb, const std::string& path,
                                           const std::string& body) {
    auto asked = request(verb.method, path);
    if (!asked) return asked.error();
    asked->body = body;
    if (!body.empty()) asked->headers.set("Content-Type", "application/json");
    askedAt_ = Clock::system().now();
    return client_.request(*asked, std::min(deadline_, askedAt_ + attempt_));
}

Result<HttpRequest> KubernetesClient::request(const std::string& method, const std::string& path) {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.headers.set("Accept", "application/json");
    if (target_.tokenFile.empty()) return request;
    const auto bearer = token();
    if (!bearer) return bearer.error();
    request.headers.set("Authorization", "Bearer " + *bearer);
    return request;
}

// As it is renewed long before its end, an old token is better than none while the file is being replaced.
Result<std::string> KubernetesClient::token() {
    auto read = metadata::readSecret("the token file", target_.tokenFile);
    if (read) {
        tokenMissing_ = false;
        lastToken_ = *read;
        return read;
    }
    const Error& error = read.error();
    if (lastToken_.empty()) return error;
    if (!tokenMissing_) log::warning(error.message + ": going on with the last token");
    tokenMissing_ = true;
    return lastToken_;
}

Error KubernetesClient::refusal(const Verb& verb, const std::string& path, const HttpResponse& response) {
    const std::string message = messageOf(response);
    const std::string start = where(path) + ": " + std::to_string(response.status) + ": ";
    const std::string quoted = message.empty() ? "" : " (" + message + ")";
    auto wait = retryAfter(response);
    if (!wait && response.status == kTooManyRequests) wait = std::chrono::seconds(1);
    if (wait) notBefore_ = Clock::system().now() + *wait;
    switch (response.status) {
        case kUnauthorized:
            return Error{start + "the API server does not know who asks: " +
                         (target_.tokenFile.empty()
                              ? "the certificate of --cert-file is not accepted"
                              : "the token in " + target_.tokenFile + " is not accepted") +
                         quoted};
        case kForbidden: {
            if (message.find("is being terminated") != std::string::npos)
                return Error{start + "the namespace " + target_.namespaceName + " is being deleted" + quoted};
            const bool pods = path.find("/pods/") != std::string::npos;
            return Error{start + "a Role in the namespace " + target_.namespaceName +
                         " has to allow the verb '" + verb.name + "' on " +
                         (pods ? "pods" : "leases of coordination.k8s.io") + quoted};
        }
        case kNotFound:
            if (!isMissing(response))
                return Error{start +
                             "is no API server of Kubernetes 1.14 or later, or a proxy that does not "
                             "let this through; check the URL"};
            return Error{start + "there is no namespace " + target_.namespaceName + quoted};
        case kTooManyRequests:
            return Error{start + "the API server is overloaded and asks to be left alone for " +
                         std::to_string(wait->count()) + "s" + quoted};
        default:
            return Error{start + (message.empty() ? "no reason given" : message)};
    }
}

}  // namespace leader
