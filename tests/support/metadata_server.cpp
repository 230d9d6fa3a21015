#include "tests/support/metadata_server.h"

#include <Poco/JSON/Object.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/NumberParser.h>
#include <Poco/StringTokenizer.h>
#include <Poco/URI.h>
#include <Poco/UUIDGenerator.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "tests/support/network_namespaces.h"

namespace leader::test {

using namespace std::chrono_literals;
using Poco::JSON::Object;
using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;
using Poco::Net::StreamSocket;

namespace {

// Go's server sends what does not fit its buffer in chunks.
constexpr std::size_t kChunkedFrom = 2048;
constexpr auto kDefaultWait = 60s;
constexpr auto kMaxWait = 120s;
constexpr auto kLookAtPeer = 20ms;

bool peerGone(StreamSocket& peer) {
    char byte = 0;
    try {
        return peer.poll(0, Poco::Net::Socket::SELECT_READ) && peer.receiveBytes(&byte, 1, MSG_PEEK) <= 0;
    } catch (const Poco::Exception&) {
        return true;
    }
}

std::string errorBody(int code, const std::string& message, bool json) {
    if (!json) return message + "\n";
    Object error;
    error.set("code", code);
    error.set("message", message);
    error.set("type", "error");
    std::ostringstream out;
    error.stringify(out);
    return out.str() + "\n";
}

std::string queryValue(const Poco::URI::QueryParameters& query, const std::string& name) {
    for (const auto& [key, value] : query) {
        if (key == name) return value;
    }
    return {};
}

bool isLongPoll(const Poco::URI::QueryParameters& query) {
    return queryValue(query, "wait") == "true" &&
           std::any_of(query.begin(), query.end(), [](const auto& item) { return item.first == "value"; });
}

}  // namespace

class MetadataServer::Handler : public Poco::Net::HTTPRequestHandler {
  public:
    explicit Handler(MetadataServer& server) : server_(server) {}

    void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
        const std::string uri = request.getURI();
        const bool json = request.get("Accept", "").find("json") != std::string::npos;
        auto& peer = dynamic_cast<Poco::Net::HTTPServerRequestImpl&>(request).socket();
        const auto client = server_.options_.seenAs.empty() ? request.clientAddress().host().toString()
                                                            : server_.options_.seenAs;
        const auto picked = countAndPickFault(uri);
        const Fault& fault = picked.first;
        using Kind = Fault::Kind;
        if (fault.kind == Kind::kAnswer) {
            send(request, response, {fault.status, fault.body});
        } else if (fault.kind == Kind::kNone) {
            const Reply reply = server_.answer(uri, client, json, peer);
            server_.tellOfAnswer(Poco::URI(uri).getPath());
            send(request, response, reply);
        } else {
            response.setKeepAlive(false);
            misbehave(
                fault, peer, [&] { return server_.answer(uri, client, json, peer).body; },
                [&](auto time) { return server_.pause(picked.second, time, peer); });
            peer.shutdown();
        }
    }

  private:
    std::pair<Fault, std::uint64_t> countAndPickFault(const std::string& uri) {
        const Poco::URI parsed(uri);
        const std::lock_guard lock(server_.mutex_);
        ++server_.requests_[parsed.getPath() + (isLongPoll(parsed.getQueryParameters()) ? "?wait" : "")];
        const auto& fault = server_.fault_;
        const bool applies = fault.where.empty() || uri.find(fault.where) != std::string::npos;
        return {applies ? fault : Fault(), server_.faultGeneration_};
    }

    void send(HTTPServerRequest& request, HTTPServerResponse& response, const Reply& reply) {
        response.setStatusAndReason(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(reply.status));
        response.setContentType("text/plain; charset=utf-8");
        response.set("Access-Control-Allow-Origin", "*");
        const bool chunked =
            reply.body.size() > kChunkedFrom && request.getVersion() == Poco::Net::HTTPMessage::HTTP_1_1;
        if (chunked) {
            response.setChunkedTransferEncoding(true);
        } else {
            response.setContentLength64(static_cast<Poco::Int64>(reply.body.size()));
        }
        std::ostringstream head;
        response.write(head);
        {
            const std::lock_guard lock(server_.mutex_);
            server_.bytesSent_ += head.str().size() + reply.body.size();
        }
        if (chunked) {
            response.send() << reply.body;
        } else {
            response.sendBuffer(reply.body.data(), reply.body.size());
        }
    }

    MetadataServer& server_;
};

class MetadataServer::HandlerFactory : public Poco::Net::HTTPRequestHandlerFactory {
  public:
    explicit HandlerFactory(MetadataServer& server) : server_(server) {}
    Poco::Net::HTTPRequestHandler* createRequestHandler(const HTTPServerRequest&) override {
        return new Handler(server_);
    }

  private:
    MetadataServer& server_;
};

class MetadataServer::ConnectionFilter : public Poco::Net::TCPServerConnectionFilter {
  public:
    explicit ConnectionFilter(MetadataServer& server) : server_(server) {}
    bool accept(const StreamSocket& socket) override {
        const std::lock_guard lock(server_.mutex_);
        ++server_.connections_;
        auto& sockets = server_.sockets_;
        sockets.erase(std::remove_if(sockets.begin(), sockets.end(),
                                     [](const StreamSocket& each) { return !each.impl()->initialized(); }),
                      sockets.end());
        sockets.push_back(socket);
        return true;
    }

  private:
    MetadataServer& server_;
};

MetadataServer::MetadataServer(Answers answers, Options options)
    : options_(std::move(options)), threads_(2, kMaxConnections) {
    // A bound socket that does not listen keeps the port while the server is stopped.
    insideNamespace(options_.networkNamespace, [this] {
        reserved_.bind(Poco::Net::SocketAddress(options_.address, options_.port), true);
    });
    port_ = reserved_.address().port();
    reload(std::move(answers));
    start();
}

MetadataServer::~MetadataServer() {
    stop();
}

std::string MetadataServer::url() const {
    return "http://" + options_.address + ":" + std::to_string(port_) + "/";
}

void MetadataServer::reload(Answers answers) {
    auto token = Poco::UUIDGenerator::defaultGenerator().createRandom().toString();
    setVersionToken(answers, token);
    mergeDefaults(answers);
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
    token_ = std::move(token);
    jsonCache_.clear();
    changed_.notify_all();
}

std::string MetadataServer::versionToken() const {
    const std::lock_guard lock(mutex_);
    return token_;
}

void MetadataServer::start() {
    if (server_) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = false;
    }
    Poco::Net::ServerSocket socket;
    insideNamespace(options_.networkNamespace, [&] {
        socket.bind(Poco::Net::SocketAddress(options_.address, port_), true);
        socket.listen(kMaxConnections);
    });
    auto params = Poco::AutoPtr(new Poco::Net::HTTPServerParams);
    params->setMaxThreads(kMaxConnections);
    params->setMaxQueued(kMaxConnections);
    params->setKeepAliveTimeout(Poco::Timespan(180, 0));
    params->setMaxKeepAliveRequests(0);
    server_ = std::make_unique<Poco::Net::HTTPServer>(new HandlerFactory(*this), threads_, socket, params);
    server_->setConnectionFilter(new ConnectionFilter(*this));
    server_->start();
}

void MetadataServer::stop() {
    if (!server_) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
    }
    server_->stopAll(true);
    dropConnections();
    threads_.joinAll();
    server_.reset();
}

void MetadataServer::restart() {
    stop();
    start();
}

void MetadataServer::dropConnections() {
    const std::lock_guard lock(mutex_);
    for (auto& socket : sockets_) {
        try {
            socket.shutdown();
        } catch (const Poco::Exception&) {
            // Closed in the meantime by one of the two ends.
        }
    }
    sockets_.clear();
}

void MetadataServer::setFault(Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
    ++faultGeneration_;
    changed_.notify_all();
}

void MetadataServer::onAnswer(std::function<void(const std::string&)> hook) {
    const std::lock_guard lock(mutex_);
    onAnswer_ = std::move(hook);
}

void MetadataServer::tellOfAnswer(const std::string& path) {
    std::function<void(const std::string&)> hook;
    {
        const std::lock_guard lock(mutex_);
        hook = onAnswer_;
    }
    if (hook) hook(path);
}

std::uint64_t MetadataServer::bytesSent() const {
    const std::lock_guard lock(mutex_);
    return bytesSent_;
}

std::uint64_t MetadataServer::connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
}

std::uint64_t MetadataServer::requests(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto found = requests_.find(path);
    return found == requests_.end() ? 0 : found->second;
}

std::uint64_t MetadataServer::requests() const {
    const std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    for (const auto& [path, count] : requests_) sum += count;
    return sum;
}

int MetadataServer::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
}

MetadataServer::Reply MetadataServer::answer(const std::string& uri, const std::string& client, bool json,
                                             StreamSocket& peer) {
    const Poco::URI parsed(uri);
    std::vector<std::string> path;
    // By hand, since URI::getPathSegments() knows no escaped slash.
    const std::string rawPath = uri.substr(0, uri.find('?'));
    for (const auto& segment : Poco::StringTokenizer(rawPath, "/", Poco::StringTokenizer::TOK_IGNORE_EMPTY)) {
        std::string decoded;
        Poco::URI::decode(segment, decoded, true);
        path.push_back(std::move(decoded));
    }
    if (path.empty()) {
        const std::lock_guard lock(mutex_);
        Object::Ptr list = new Object;
        for (const auto& name : answers_->getNames()) list->set(name, "/" + name);
        list->set("latest", "/latest");
        return {200, json ? toJson(list) : toText(list)};
    }
    const auto requested = path.front();
    path.erase(path.begin());
    const auto query = parsed.getQueryParameters();
    const auto known = [&] {
        const std::lock_guard lock(mutex_);
        return resolveVersion(answers_, requested);
    };
    if (known().empty()) return {404, errorBody(404, "Invalid version", json)};
    if (isLongPoll(query) && !options_.answersAtOnce) {
        int seconds = 0;
        if (!Poco::NumberParser::tryParse(queryValue(query, "maxWait"), seconds) || seconds <= 0) {
            seconds = kDefaultWait.count();
        }
        waitForChange(queryValue(query, "value"), std::min<std::chrono::seconds>(kMaxWait, 1s * seconds),
                      peer);
    }
    const auto version = known();
    const std::lock_guard lock(mutex_);
    const auto found = findAnswer(answers_, version, client, path);
    if (!found) return {404, errorBody(404, "Not found", json)};
    return {200, json ? jsonOf(version + " " + client + " " + rawPath, *found) : toText(*found)};
}

// Only /VERSION/version is ever polled: the token stands for whatever the path holds.
void MetadataServer::waitForChange(const std::string& old, std::chrono::milliseconds maxWait,
                                   StreamSocket& peer) {
    const auto deadline = std::chrono::steady_clock::now() + maxWait + options_.overrun;
    std::unique_lock lock(mutex_);
    ++waiting_;
    while (!stopping_ && token_ == old && std::chrono::steady_clock::now() < deadline) {
        changed_.wait_for(lock, kLookAtPeer);
        lock.unlock();
        const bool gone = peerGone(peer);
        lock.lock();
        if (gone) break;
    }
    --waiting_;
}

bool MetadataServer::pause(std::uint64_t generation, std::chrono::milliseconds time, StreamSocket& peer) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    std::unique_lock lock(mutex_);
    do {
        if (stopping_ || generation != faultGeneration_) return false;
        const auto left = deadline - std::chrono::steady_clock::now();
        if (left > 0ms) changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(left, kLookAtPeer));
        lock.unlock();
        const bool gone = peerGone(peer);
        lock.lock();
        if (gone) return false;
    } while (std::chrono::steady_clock::now() < deadline);
    return true;
}

const std::string& MetadataServer::jsonOf(const std::string& key, const Poco::Dynamic::Var& value) {
    auto& text = jsonCache_[key];
    if (text.empty()) text = toJson(value);
    return text;
}

}  // namespace leader::test
