#include "common/status/server.h"

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/ThreadPool.h>
#include <sys/socket.h>

#include "common/status/client_socket.h"
#include "common/status/routes.h"

namespace leader::status {
namespace {

using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;

constexpr int kMostClients = static_cast<int>(Clients::kMost);
// A thread that is through with a client may not be back in the pool when the next one comes.
constexpr int kMostThreads = 2 * kMostClients;
constexpr int kThreadIdleSeconds = 60;
constexpr int kStackBytes = 256 * 1024;
constexpr Duration kForever = std::chrono::hours(24);
constexpr Duration kPauseWithoutDescriptors = std::chrono::milliseconds(100);

/// Poco asks it whether somebody is there four times a second; this answers when somebody is.
class ListeningSocket : public Poco::Net::ServerSocketImpl {
  public:
    ListeningSocket(UniqueFd fd, Clients& clients, const Interrupt& stop) : clients_(clients), stop_(stop) {
        reset(fd.release());
    }

    bool poll(const Poco::Timespan& /*timeout*/, int /*mode*/) override {
        if (!waitReadable(sockfd(), stop_, kForever)) return false;
        clients_.makeRoom(stop_);
        return !stop_.raised();
    }

    Poco::Net::SocketImpl* acceptConnection(Poco::Net::SocketAddress& /*client*/) override {
        const int fd = ::accept4(sockfd(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) return new ClientSocket(fd, clients_);
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            stop_.wait(kPauseWithoutDescriptors);
        throw Poco::Net::NetException("nobody to accept");
    }

  private:
    Clients& clients_;
    const Interrupt& stop_;
};

struct OwnedSocket : Poco::Net::ServerSocket {
    explicit OwnedSocket(ListeningSocket* implementation) : ServerSocket(implementation, true) {}
};

class Handler : public Poco::Net::HTTPRequestHandler {
  public:
    explicit Handler(const Server::Source& source) : source_(source) {}

    void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
        const std::string& method = request.getMethod();
        const Response answer = respond(method, request.getURI(), source_().get());
        if (request.getVersion() != HTTPServerRequest::HTTP_1_0)
            response.setVersion(HTTPServerRequest::HTTP_1_1);
        response.setStatusAndReason(static_cast<HTTPServerResponse::HTTPStatus>(answer.code));
        response.setContentType(answer.type);
        response.set("Cache-Control", "no-store");
        if (answer.code == HTTPServerResponse::HTTP_METHOD_NOT_ALLOWED || method == "OPTIONS")
            response.set("Allow", kMethods);
        const bool bodyWanted = method != "OPTIONS";
        response.sendBuffer(answer.body.data(), bodyWanted ? answer.body.size() : 0);
    }

  private:
    const Server::Source& source_;
};

class HandlerFactory : public Poco::Net::HTTPRequestHandlerFactory {
  public:
    explicit HandlerFactory(Server::Source source) : source_(std::move(source)) {}

    Poco::Net::HTTPRequestHandler* createRequestHandler(const HTTPServerRequest& /*request*/) override {
        return new Handler(source_);
    }

  private:
    const Server::Source source_;
};

Poco::Net::HTTPServerParams::Ptr parameters() {
    Poco::Net::HTTPServerParams::Ptr params(new Poco::Net::HTTPServerParams);
    params->setMaxThreads(kMostClients);
    params->setMaxQueued(kMostClients);
    params->setKeepAlive(false);
    return params;
}

}  // namespace

struct Server::Core {
    Core(UniqueFd listener, Source source)
        : threads(1, kMostThreads, kThreadIdleSeconds, kStackBytes),
          http(new HandlerFactory(std::move(source)), threads,
               OwnedSocket(new ListeningSocket(std::move(listener), clients, stop)), parameters()) {
        http.start();
    }
    ~Core() {
        stop.raise();
        http.stopAll(true);
        threads.joinAll();
    }

    // In the order of their ends: the threads before what they use.
    Interrupt stop;
    Clients clients;
    Poco::ThreadPool threads;
    Poco::Net::HTTPServer http;
};

Server::Server(UniqueFd listener, Source source)
    : core_(std::make_unique<Core>(std::move(listener), std::move(source))) {
}

Server::~Server() = default;

std::string Server::address() const {
    return core_->http.socket().address().toString();
}

std::size_t Server::clients() const {
    return core_->clients.count();
}

}  // namespace leader::status
