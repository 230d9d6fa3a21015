#include "common/election/etcd_gateway.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPResponse.h>

#include <algorithm>

#include "common/metadata/secret.h"

namespace leader {
namespace {

namespace json = metadata::json;
using metadata::HttpResponse;

constexpr const char* kWatchPath = "/v3/watch";
constexpr const char* kAuthenticatePath = "/v3/auth/authenticate";
// Metadata of gRPC: a member that has lost its cluster ends the watch instead of being silent.
constexpr const char* kRequireLeader = "Grpc-Metadata-hasleader";

/// What went wrong, in the words of the server where it found any.
std::string refusalOf(const EtcdGateway::Object& answer) {
    const Poco::Dynamic::Var error = answer->get("error");
    const bool nested = !error.isEmpty() && error.type() == typeid(EtcdGateway::Object);
    const auto& from = nested ? error.extract<EtcdGateway::Object>() : answer;
    for (const char* member : {"message", "error"}) {
        const Poco::Dynamic::Var text = from->get(member);
        if (text.isString()) return text.extract<std::string>();
    }
    return "";
}

Error refusal(const std::string& where, const HttpResponse& response) {
    std::string text;
    try {
        text = refusalOf(json::asObject(json::parse(response.body, where), where));
    } catch (const Poco::Exception&) {
        // A proxy's page, say; the status says enough.
    }
    if (text.empty()) text = "answered " + std::to_string(response.status);
    return Error{where + ": " + text};
}

Result<EtcdGateway::Object> parseObject(const std::string& text, const std::string& where) {
    try {
        return json::asObject(json::parse(text, where), where);
    } catch (const Poco::Exception& e) {
        return Error{e.message()};
    }
}

}  // namespace

EtcdGateway::EtcdGateway(std::vector<metadata::HttpOrigin> endpoints, Duration attempt,
                         const Interrupt& interrupt)
    : endpoints_(std::move(endpoints)), attempt_(attempt), interrupt_(&interrupt) {
}

void EtcdGateway::resume(Duration attempt, const Interrupt& interrupt) {
    attempt_ = attempt;
    interrupt_ = &interrupt;
    if (client_) client_->setInterrupt(interrupt);
}

Result<EtcdGateway::Object> EtcdGateway::call(const std::string& path, const std::string& body) {
    metOtherCluster_ = false;
    std::optional<Error> error;
    for (std::size_t i = 0; i < endpoints_.size() && !interrupt_->raised(); ++i) {
        auto answer = ask(path, body);
        if (answer) return answer;
        // What the deadline itself cut off says less than what came before.
        if (!error || Clock::system().now() < deadline_) error = answer.error();
        useNext();
    }
    return error.value_or(Error{"interrupted"});
}

Result<EtcdGateway::Object> EtcdGateway::ask(const std::string& path, const std::string& body) {
    if (!client_) client_.emplace(endpoint(), *interrupt_);
    const std::string where = endpoint().url() + path;
    const auto response = send(path, body);
    if (!response) return response.error();
    if (response->status != Poco::Net::HTTPResponse::HTTP_OK) return refusal(where, *response);
    auto answer = parseObject(response->body, where);
    if (!answer) return answer;
    return fromCluster(*answer);
}

// A token that is no more valid is replaced, once.
Result<HttpResponse> EtcdGateway::send(const std::string& path, const std::string& body) {
    for (bool renewed = false;; renewed = true) {
        if (!user_.empty() && token_.empty())
            if (const auto error = authenticate()) return *error;
        askedAt_ = Clock::system().now();
        auto response = client_->request(post(path, body), attemptEnd());
        const bool refused = response && response->status == Poco::Net::HTTPResponse::HTTP_UNAUTHORIZED;
        if (!refused || user_.empty() || renewed) return response;
        token_.clear();
    }
}

std::optional<Error> EtcdGateway::authenticate() {
    const auto password = metadata::readSecret("--password-file", passwordFile_);
    if (!password) return password.error();
    Poco::JSON::Object credentials;
    credentials.set("name", user_);
    credentials.set("password", *password);
    const std::string where = endpoint().url() + kAuthenticatePath;
    const auto response = client_->request(post(kAuthenticatePath, json::textOf(credentials)), attemptEnd());
    if (!response) return response.error();
    if (response->status != Poco::Net::HTTPResponse::HTTP_OK)
        return Error{refusal(where, *response).message + " (--user " + user_ + ")"};
    const auto answer = parseObject(response->body, where);
    if (!answer) return answer.error();
    const Poco::Dynamic::Var token = (*answer)->get("token");
    if (!token.isString()) return Error{where + ": the answer holds no token"};
    token_ = token.extract<std::string>();
    return {};
}

// The answers of streaming calls are in an envelope, and so are the errors that come after the status.
Result<EtcdGateway::Object> EtcdGateway::fromCluster(const Object& answer) {
    const std::string where = endpoint().url();
    if (answer->has("error")) return Error{where + ": " + refusalOf(answer)};
    try {
        const Object result = json::object(*answer, "result", where);
        const Object& message = result ? result : answer;
        const Object header = json::object(*message, "header", where);
        const std::string cluster = header ? json::text(*header, "cluster_id", where) : "";
        if (cluster.empty()) return Error{where + ": is not etcd: the answer has no cluster id"};
        if (cluster_.empty()) cluster_ = cluster;
        if (cluster == cluster_) return message;
        metOtherCluster_ = true;
        return Error{where + ": belongs to the etcd cluster " + cluster + ", not to " + cluster_};
    } catch (const Poco::Exception& e) {
        return Error{e.message()};
    }
}

std::optional<Error> EtcdGateway::openWatch(const std::string& body, Duration silence) {
    metOtherCluster_ = false;
    watch_.emplace(endpoint(), *interrupt_);
    watchedEndpoint_ = current_;
    auto request = post(kWatchPath, body);
    request.headers.set(kRequireLeader, "true");
    const auto head = watch_->open(request, silence, attemptEnd());
    if (head && watch_->isOpen()) return {};
    const Error error = head ? refusal(endpoint().url() + kWatchPath, *head) : head.error();
    dismissWatch();
    return error;
}

void EtcdGateway::dismissWatch() {
    closeWatch();
    useNext();
}

Result<std::optional<EtcdGateway::Object>> EtcdGateway::nextOfWatch(Instant until) {
    const auto fail = [this](const Error& error) {
        dismissWatch();
        return error;
    };
    const auto line = watch_->line(std::min(until, deadline_));
    if (!line) return fail(line.error());
    const std::string where = endpoint().url() + kWatchPath;
    if (!line->has_value()) {
        if (watch_->isOpen()) return std::optional<Object>();
        return fail(Error{where + ": the watch ended"});
    }
    const auto answer = parseObject(**line, where);
    if (!answer) return fail(answer.error());
    const auto message = fromCluster(*answer);
    if (!message) return fail(message.error());
    return std::optional<Object>(*message);
}

metadata::HttpRequest EtcdGateway::post(const std::string& path, const std::string& body) const {
    metadata::HttpRequest request;
    request.method = "POST";
    request.path = path;
    request.headers.set("Content-Type", "application/json");
    if (!token_.empty()) request.headers.set("Authorization", token_);
    request.body = body;
    return request;
}

Instant EtcdGateway::attemptEnd() const {
    return std::min(deadline_, Clock::system().now() + attempt_);
}

void EtcdGateway::useNext() {
    current_ = (current_ + 1) % endpoints_.size();
    client_.reset();
}

}  // namespace leader
