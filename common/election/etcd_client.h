#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/election/etcd_gateway.h"

namespace leader {

/// A key as etcd has it. Of a deleted one only the key is told.
struct EtcdKey {
    std::string key;
    std::string value;
    std::int64_t createRevision = 0;
    std::int64_t modRevision = 0;
};

/// All keys under a prefix as they stand at a revision of the store.
struct EtcdState {
    std::int64_t revision = 0;
    std::vector<EtcdKey> keys;
};

struct EtcdLease {
    std::int64_t id = 0;
    /// As granted from the time before the request on; zero where there is no such lease any more.
    Duration ttl{};
};

/// What a watch says at once.
struct EtcdNews {
    struct Event {
        bool deleted = false;
        EtcdKey key;
    };
    std::vector<Event> events;
    /// Events were dropped by the store, or the store has become another: the keys have to be read anew.
    bool gap = false;
};

/// The few calls of etcd that an election takes, typed. Every call goes through the gateway's endpoints.
class EtcdClient {
  public:
    EtcdClient(std::vector<metadata::HttpOrigin> endpoints, Duration attempt, const Interrupt& interrupt)
        : gateway_(std::move(endpoints), attempt, interrupt) {}

    EtcdGateway& gateway() { return gateway_; }
    const EtcdGateway& gateway() const { return gateway_; }

    Result<EtcdLease> grant(std::chrono::seconds ttl);
    Result<EtcdLease> keepAlive(std::int64_t lease);
    std::optional<Error> revoke(std::int64_t lease);

    /// Creates the key under the lease unless it is there, and reads all under the prefix, as one
    /// transaction.
    Result<EtcdState> create(const std::string& key, const std::string& value, std::int64_t lease,
                             const std::string& prefix);
    /// Gives a key that is still the one created then another value.
    std::optional<Error> replace(const std::string& key, std::int64_t createRevision,
                                 const std::string& value, std::int64_t lease);
    Result<EtcdState> range(const std::string& prefix);

    /// The revision that the next watch has to go on from; news advance it.
    void watchFrom(std::int64_t revision) { nextRevision_ = revision; }
    std::int64_t nextRevision() const { return nextRevision_; }
    /// Opens a watch of the prefix at the endpoint in use.
    std::optional<Error> watch(const std::string& prefix, Duration silence);
    /// The next news, which may be none but that the store lives; nothing at `until`.
    Result<std::optional<EtcdNews>> news(Instant until);

  private:
    template <typename T, typename Read>
    Result<T> ask(const std::string& path, const EtcdGateway::Object& request, Read read);

    EtcdGateway gateway_;
    std::int64_t nextRevision_ = 0;
};

}  // namespace leader
