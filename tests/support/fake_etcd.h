#pragma once

#include <Poco/JSON/Object.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/scripted_http_server.h"

namespace leader::test {

/// The part of etcd's JSON gateway that an election takes, kept in memory, for the faults that a real etcd
/// cannot be made to show. Its leases do not end by themselves. Any thread may call it.
class FakeEtcd {
  public:
    using Request = ScriptedHttpServer::Request;
    using Peer = ScriptedHttpServer::Peer;
    /// Says whether it has answered the request itself.
    using Fault = std::function<bool(const Request&, Peer&)>;

    FakeEtcd() : server_([this](const Request& request, Peer& peer) { handle(request, peer); }) {}

    std::uint16_t port() const { return server_.port(); }
    std::string url(const std::string& name) const {
        return "etcd://127.0.0.1:" + std::to_string(port()) + "/" + name;
    }

    void setFault(Fault fault);
    void setCluster(const std::string& id);
    void setTtl(int seconds);

    std::int64_t put(const std::string& key, const std::string& value);
    void remove(const std::string& key);
    /// Forgets a lease, and its keys.
    void revoke(std::int64_t lease);
    std::string valueOf(const std::string& key) const;
    std::vector<std::string> keys() const;
    std::vector<std::int64_t> leases() const;

    /// Ends all watches: as one does whose events were compacted away, or without a word.
    void compact();
    void endWatches();
    /// Sends a line on every watch.
    void say(const std::string& line);
    int watches() const;

    /// The paths requested so far, without "/v3/".
    std::vector<std::string> requests() const;
    std::size_t requests(const std::string& path) const;

  private:
    struct Key {
        std::string value;
        std::int64_t created = 0;
        std::int64_t modified = 0;
        std::int64_t lease = 0;
    };
    using Message = Poco::JSON::Object::Ptr;

    void handle(const Request& request, Peer& peer);
    Message answer(const std::string& path, const Message& asked);
    Message transaction(const Message& asked);
    Message range() const;
    Message header() const;
    Message message(const std::string& key, const Key& stored) const;
    void watch(Peer& peer, std::int64_t from);
    std::int64_t putLocked(const std::string& key, const std::string& value, std::int64_t lease);
    void removeLocked(const std::string& key);
    void revokeLocked(std::int64_t lease);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    Fault fault_;
    std::string cluster_ = "7";
    int ttl_ = 0;
    std::int64_t revision_ = 1;
    std::int64_t nextLease_ = 0x100;
    std::map<std::string, Key> keys_;
    std::vector<std::int64_t> leases_;
    /// What happened, by revision: the line that a watch says of it.
    std::map<std::int64_t, std::string> history_;
    std::string saying_;
    std::uint64_t sayings_ = 0;
    std::uint64_t watchGeneration_ = 1;
    /// Below which there is no history any more, and the generation of watches that it began.
    std::int64_t compacted_ = 0;
    std::uint64_t compactedAt_ = 0;
    int watches_ = 0;
    ScriptedHttpServer server_;
};

}  // namespace leader::test
