#pragma once

#include <Poco/Net/HTTPServer.h>
#include <Poco/ThreadPool.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/answers.h"
#include "tests/support/fault.h"

namespace leader::test {

/// A Rancher Metadata server with the real one's behaviour: `self` by source address, JSON or text by
/// `Accept`, 404s, long poll, reload, restart; and, on demand, a Fault. Any thread may call it.
class MetadataServer {
  public:
    struct Options {
        std::string address = "127.0.0.1";
        std::uint16_t port = 0;
        /// Every client is taken for this address; empty: by its source address, as the real server does.
        std::string seenAs{};
        /// An old server knows no long poll and answers at once.
        bool answersAtOnce = false;
        /// The real server looks at `maxWait` every 5 s only.
        std::chrono::milliseconds overrun{0};
        /// Where to listen: a descriptor of /proc/PID/ns/net, or -1 for the test's own.
        int networkNamespace = -1;
    };

    /// The server takes the tree over: it sets `version` and merges the defaults.
    explicit MetadataServer(Answers answers) : MetadataServer(std::move(answers), Options()) {}
    MetadataServer(Answers answers, Options options);
    ~MetadataServer();
    MetadataServer(const MetadataServer&) = delete;
    MetadataServer& operator=(const MetadataServer&) = delete;

    std::uint16_t port() const { return port_; }
    /// "http://127.0.0.1:PORT/"
    std::string url() const;
    std::string url(const std::string& version) const { return url() + version; }

    /// New answers under a new random version token; wakes the long polls.
    void reload(Answers answers);
    std::string versionToken() const;

    /// Connections are dropped and new ones refused; the port stays reserved.
    void stop();
    void start();
    void restart();
    void dropConnections();

    /// Replaces the fault in force; Fault() heals. Requests that hang in the old one go on.
    void setFault(Fault fault);

    /// Called with the path of each request when its answer is made and not yet sent, from the server's
    /// threads; what it changes shows in the next answer. Not called for requests that run into a fault.
    void onAnswer(std::function<void(const std::string& path)> hook);

    /// Headers and bodies; not the framing of chunks, nor what faults send.
    std::uint64_t bytesSent() const;
    std::uint64_t connections() const;
    /// Requests for exactly this path ("/latest/self"); a long poll counts as "PATH?wait".
    std::uint64_t requests(const std::string& path) const;
    std::uint64_t requests() const;
    /// Long polls being held now.
    int waiting() const;

  private:
    class Handler;
    class HandlerFactory;
    class ConnectionFilter;
    friend class Handler;

    struct Reply {
        int status = 200;
        std::string body;
    };

    void listen();
    void tellOfAnswer(const std::string& path);
    Reply answer(const std::string& uri, const std::string& client, bool json, Poco::Net::StreamSocket& peer);
    /// Blocks until the version differs from `old`, the time is up, the server stops or the client is gone.
    void waitForChange(const std::string& old, std::chrono::milliseconds maxWait,
                       Poco::Net::StreamSocket& peer);
    /// For faults: false once the fault is lifted, the server stops or the client is gone.
    bool pause(std::uint64_t generation, std::chrono::milliseconds time, Poco::Net::StreamSocket& peer);
    const std::string& jsonOf(const std::string& key, const Poco::Dynamic::Var& value);

    static constexpr int kMaxConnections = 64;

    const Options options_;
    std::uint16_t port_ = 0;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    Answers answers_;
    std::string token_;
    std::map<std::string, std::string> jsonCache_;
    Fault fault_;
    std::uint64_t faultGeneration_ = 0;
    bool stopping_ = false;
    std::function<void(const std::string&)> onAnswer_;
    std::vector<Poco::Net::StreamSocket> sockets_;
    std::map<std::string, std::uint64_t> requests_;
    std::uint64_t bytesSent_ = 0;
    std::uint64_t connections_ = 0;
    int waiting_ = 0;

    Poco::Net::ServerSocket reserved_;
    Poco::ThreadPool threads_;
    std::unique_ptr<Poco::Net::HTTPServer> server_;
};

}  // namespace leader::test
