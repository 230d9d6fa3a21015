#include "tests/support/scripted_http_server.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/StreamCopier.h>

#include <cstdio>

namespace leader::test {

using namespace std::chrono_literals;
using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;
using Poco::Net::Socket;

bool ScriptedHttpServer::Peer::send(const std::string& bytes) {
    try {
        for (std::size_t sent = 0; sent < bytes.size();)
            sent += static_cast<std::size_t>(
                socket_.sendBytes(bytes.data() + sent, static_cast<int>(bytes.size() - sent)));
        return true;
    } catch (const Poco::Exception&) {
        return false;
    }
}

bool ScriptedHttpServer::Peer::answer(int status, const std::string& body, const std::string& headers) {
    return send("HTTP/1.1 " + std::to_string(status) + " Scripted\r\n" + headers +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

bool ScriptedHttpServer::Peer::startChunks() {
    return send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
}

bool ScriptedHttpServer::Peer::chunk(const std::string& bytes) {
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    return send(size + bytes + "\r\n");
}

bool ScriptedHttpServer::Peer::pause(std::chrono::milliseconds time) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    char byte = 0;
    try {
        do {
            if (server_.ending_) return false;
            if (socket_.poll(Poco::Timespan(10'000), Socket::SELECT_READ) &&
                socket_.receiveBytes(&byte, 1, MSG_PEEK) <= 0)
                return false;
        } while (std::chrono::steady_clock::now() < deadline);
        return true;
    } catch (const Poco::Exception&) {
        return false;
    }
}

void ScriptedHttpServer::Peer::hold() {
    while (pause(1s)) {
    }
}

void ScriptedHttpServer::Peer::close() {
    try {
        socket_.shutdown();
    } catch (const Poco::Exception&) {
        // The client was quicker.
    }
}

class ScriptedHttpServer::Connection : public Poco::Net::HTTPRequestHandler {
  public:
    explicit Connection(ScriptedHttpServer& server) : server_(server) {}

    void handleRequest(HTTPServerRequest& request, HTTPServerResponse& /*response*/) override {
        Request copy{request.getMethod(), request.getURI(), request, ""};
        if (request.hasContentLength()) Poco::StreamCopier::copyToString(request.stream(), copy.body);
        {
            const std::lock_guard lock(server_.mutex_);
            server_.requests_.push_back(copy);
        }
        Peer peer(server_, dynamic_cast<Poco::Net::HTTPServerRequestImpl&>(request).socket());
        server_.handler_(copy, peer);
    }

  private:
    ScriptedHttpServer& server_;
};

class ScriptedHttpServer::Factory : public Poco::Net::HTTPRequestHandlerFactory {
  public:
    explicit Factory(ScriptedHttpServer& server) : server_(server) {}
    Poco::Net::HTTPRequestHandler* createRequestHandler(const HTTPServerRequest&) override {
        return new Connection(server_);
    }

  private:
    ScriptedHttpServer& server_;
};

class ScriptedHttpServer::Filter : public Poco::Net::TCPServerConnectionFilter {
  public:
    explicit Filter(ScriptedHttpServer& server) : server_(server) {}
    bool accept(const Poco::Net::StreamSocket&) override {
        ++server_.connections_;
        return true;
    }

  private:
    ScriptedHttpServer& server_;
};

ScriptedHttpServer::ScriptedHttpServer(Handler handler)
    : handler_(std::move(handler)), threads_(2, kMaxConnections) {
    const Poco::Net::ServerSocket socket(Poco::Net::SocketAddress("127.0.0.1", 0), kMaxConnections);
    port_ = socket.address().port();
    auto params = Poco::AutoPtr(new Poco::Net::HTTPServerParams);
    params->setMaxThreads(kMaxConnections);
    params->setKeepAliveTimeout(Poco::Timespan(60, 0));
    params->setMaxKeepAliveRequests(0);
    server_ = std::make_unique<Poco::Net::HTTPServer>(new Factory(*this), threads_, socket, params);
    server_->setConnectionFilter(new Filter(*this));
    server_->start();
}

ScriptedHttpServer::~ScriptedHttpServer() {
    ending_ = true;
    server_->stopAll(true);
    threads_.joinAll();
}

std::vector<ScriptedHttpServer::Request> ScriptedHttpServer::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

}  // namespace leader::test
