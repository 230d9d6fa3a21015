#include "common/metadata/rancher_client.h"

#include <Poco/Net/HTTPResponse.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include <algorithm>
#include <array>

namespace leader::metadata {
namespace {

constexpr std::array kVersions = {"2016-07-29", "2015-12-19", "2015-07-25"};
constexpr int kMaxReads = 5;
constexpr std::size_t kMaxVersionToken = 256;
constexpr Duration kLongPollOverrun = std::chrono::seconds(5);

// The name that Rancher's DNS serves, and the address behind it on hosts whose containers do not ask that
// DNS.
constexpr const char* kMetadataName = "rancher-metadata";
constexpr const char* kMetadataAddress = "169.254.169.250";

HttpOrigin originOf(const RancherUrl& url) {
    return {url.host, url.port, url.host == kMetadataName ? kMetadataAddress : "", url.tls};
}

bool isInvalidVersion(const HttpResponse& response) {
    return response.status == Poco::Net::HTTPResponse::HTTP_NOT_FOUND &&
           response.body.find("Invalid version") != std::string::npos;
}

}  // namespace

Result<RancherUrl> parseRancherUrl(const std::string& url) {
    const Error bad{"'" + url + "' is not http[s]://HOST[:PORT]/[VERSION]"};
    try {
        const Poco::URI uri(url);
        std::vector<std::string> segments;
        uri.getPathSegments(segments);
        const bool tls = uri.getScheme() == "https";
        if ((!tls && uri.getScheme() != "http") || uri.getHost().empty() || segments.size() > 1 ||
            !uri.getRawQuery().empty() || !uri.getFragment().empty() || !uri.getUserInfo().empty())
            return bad;
        RancherUrl parsed{uri.getHost(), uri.getPort(), segments.empty() ? "" : segments[0]};
        if (tls) parsed.tls = TlsFiles();
        return parsed;
    } catch (const Poco::Exception&) {
        return bad;
    }
}

RancherClient::RancherClient(const RancherUrl& url, const Interrupt& interrupt)
    : url_(url), version_(url.version), http_(originOf(url), interrupt) {
}

std::string RancherClient::name() const {
    return originOf(url_).url() + (version_.empty() ? "" : "/" + version_);
}

Instant RancherClient::within(Duration longest) const {
    return std::min(deadline_, Clock::system().now() + longest);
}

Result<ServiceSnapshot> RancherClient::service(const ServiceQuery& query, std::string& revision) {
    revision_ = revision;
    for (int reads = 0; reads < kMaxReads; ++reads) {
        readContainers_ = false;
        selfBefore_.reset();
        auto snapshot = readService(*this, query);
        if (!snapshot || !readContainers_) return snapshot;
        const auto after = version();
        if (!after) return after.error();
        if (*after == revision_) {
            revision = revision_;
            return snapshot;
        }
        revision_ = *after;
    }
    return Error{name() + ": changed during each of " + std::to_string(kMaxReads) + " readings"};
}

Result<std::string> RancherClient::version() {
    return versionAt("", kAnswerTimeout);
}

Result<std::string> RancherClient::awaitVersion(const std::string& known, std::chrono::seconds longest) {
    std::string escaped;
    Poco::URI::encode(known, "?&=#+/", escaped);
    return versionAt("?wait=true&value=" + escaped + "&maxWait=" + std::to_string(longest.count()),
                     longest + kLongPollOverrun + kAnswerTimeout);
}

// As JSON the version is a bare string, which Poco's parser does not take.
Result<std::string> RancherClient::versionAt(const std::string& query, Duration longest) {
    const auto response = get("/version" + query, false, within(longest));
    if (!response) return response.error();
    const std::string token = Poco::trim(response->body);
    if (response->status != Poco::Net::HTTPResponse::HTTP_OK)
        return Error{name() + "/version: answered " + std::to_string(response->status)};
    if (token.empty() || token.size() > kMaxVersionToken || token.find_first_of(" <{\n") != std::string::npos)
        return Error{name() + "/version: is not a version"};
    return token;
}

Result<Self> RancherClient::self() {
    const auto response = askSelf();
    if (!response) return response.error();
    if (revision_.empty()) selfBefore_ = *response;
    if (response->status == Poco::Net::HTTPResponse::HTTP_NOT_FOUND) return Self{};
    if (response->status != Poco::Net::HTTPResponse::HTTP_OK)
        return Error{name() + "/self: answered " + std::to_string(response->status)};
    return parseSelf(response->body, name() + "/self");
}

Result<std::vector<Container>> RancherClient::containers() {
    readContainers_ = true;
    if (revision_.empty())
        if (const auto error = beginVersion()) return *error;
    const auto response = get("/containers", true, within(kAnswerTimeout));
    if (!response) return response.error();
    if (response->status != Poco::Net::HTTPResponse::HTTP_OK)
        return Error{name() + "/containers: answered " + std::to_string(response->status)};
    return parseContainers(response->body, name() + "/containers");
}

Result<HttpResponse> RancherClient::askSelf() {
    return get("/self", true, within(kAnswerTimeout));
}

// Who asks was read before any version was known, as it often is all that there is to read. Where it takes
// more, it has to be the same in this version; else no version is begun, and the reading is done again in the
// next.
std::optional<Error> RancherClient::beginVersion() {
    const auto before = version();
    if (!before) return before.error();
    if (selfBefore_) {
        const auto self = askSelf();
        if (!self) return self.error();
        if (self->status != selfBefore_->status || self->body != selfBefore_->body) return {};
    }
    revision_ = *before;
    return {};
}

// Without a version in the URL the newest one is found by the first request itself: a server that knows it,
// as nearly all do, is asked nothing extra.
Result<HttpResponse> RancherClient::get(const std::string& path, bool json, Instant deadline) {
    const std::string accept = json ? "application/json" : "text/plain";
    if (!version_.empty()) {
        auto response = http_.get("/" + version_ + path, accept, deadline);
        if (!response || !isInvalidVersion(*response)) return response;
        if (!url_.version.empty())
            return Error{originOf(url_).url() + ": does not know the version " + url_.version +
                         "; leave it out of the URL"};
        version_.clear();
    }
    for (const char* version : kVersions) {
        auto response = http_.get("/" + std::string(version) + path, accept, deadline);
        if (!response || isInvalidVersion(*response)) {
            if (!response) return response;
            continue;
        }
        if (response->status == Poco::Net::HTTPResponse::HTTP_OK) version_ = version;
        return response;
    }
    return Error{originOf(url_).url() + ": knows none of the versions 2016-07-29, 2015-12-19 and 2015-07-25"};
}

}  // namespace leader::metadata
