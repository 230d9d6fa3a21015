#pragma once

#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/NameValueCollection.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/ThreadPool.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace leader::test {

/// An HTTP server on a free loopback port whose answers the test writes itself, byte by byte, so that it can
/// also give what no real server gives. The handler runs on a thread a connection.
class ScriptedHttpServer {
  public:
    struct Request {
        std::string method;
        std::string path;
        Poco::Net::NameValueCollection headers;
        std::string body;
    };

    /// One connection, for the time of one request.
    class Peer {
      public:
        Peer(ScriptedHttpServer& server, const Poco::Net::StreamSocket& socket)
            : server_(server), socket_(socket) {}
        /// False where the client has gone.
        bool send(const std::string& bytes);
        /// A whole answer with its length; `headers` are lines that end with "\r\n".
        bool answer(int status, const std::string& body, const std::string& headers = "");
        /// The head of an answer in chunks, and a chunk.
        bool startChunks();
        bool chunk(const std::string& bytes);
        /// Waits; false once the client has gone or the server ends.
        bool pause(std::chrono::milliseconds time);
        /// Keeps the connection until the client goes or the server ends.
        void hold();
        /// Closes the connection instead of waiting for another request on it.
        void close();

      private:
        ScriptedHttpServer& server_;
        Poco::Net::StreamSocket socket_;
    };
    using Handler = std::function<void(const Request&, Peer&)>;

    explicit ScriptedHttpServer(Handler handler);
    ~ScriptedHttpServer();
    ScriptedHttpServer(const ScriptedHttpServer&) = delete;
    ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;

    std::uint16_t port() const { return port_; }
    /// All requests so far, in the order in which they came.
    std::vector<Request> requests() const;
    std::uint64_t connections() const { return connections_; }

  private:
    class Connection;
    class Factory;
    class Filter;

    static constexpr int kMaxConnections = 32;

    Handler handler_;
    std::uint16_t port_ = 0;
    std::atomic<bool> ending_{false};
    std::atomic<std::uint64_t> connections_{0};
    mutable std::mutex mutex_;
    std::vector<Request> requests_;
    Poco::ThreadPool threads_;
    std::unique_ptr<Poco::Net::HTTPServer> server_;
};

}  // namespace leader::test
