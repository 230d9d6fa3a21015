#pragma once

#include <memory>
#include <string>

#include "common/base/interrupt.h"
#include "common/base/result.h"
#include "common/election/engine.h"
#include "common/metadata/tls_files.h"

namespace leader {

struct EngineOptions {
    std::string url = "http://rancher-metadata/";
    /// This member's uuid, name or address; empty where the engine can tell.
    std::string self;
    /// "[STACK/]SERVICE" of others to look at; empty for the own.
    std::string service;
    /// How often the engine has to vouch for what it said, at the least.
    Duration heartbeat = std::chrono::seconds(60);
    /// The first view has a revision, too, even if that takes a request more.
    bool needsRevision = false;
    /// With an engine that holds a lease: whether this process takes part in the election instead of only
    /// looking at it, for how long a lease it asks, and the address where the others reach this member; empty
    /// for the one that it reaches the engine from.
    bool candidate = false;
    Duration ttl = std::chrono::seconds(30);
    std::string selfAddress;
    /// Whether the candidates' addresses are wanted, where finding one takes a request of its own.
    bool addresses = false;
    /// A file with a bearer token; empty for the engine's own way.
    std::string tokenFile{};
    /// Who asks, with a file that holds the password.
    std::string user{};
    std::string passwordFile{};
    /// For an engine that is reached with TLS.
    metadata::TlsFiles tls{};
    /// next() ends here at the latest.
    Instant deadline = Instant::max();

    /// With an engine that holds a lease: how long a server may take for an answer. A candidate gives it a
    /// sixth of the ttl, so that there is time to ask again, or another one, before a lease that is renewed
    /// each third of it is in danger.
    Duration attempt() const;
};

/// Makes the engine that the URL's scheme names; an error, which begins with the option that is wrong, where
/// there is none, or it does not take what it was given. `interrupt` must outlive the engine.
Result<std::unique_ptr<Engine>> makeEngine(const EngineOptions& options, const Interrupt& interrupt);

/// Whether the URL's scheme names an engine whose leadership is a lease: its views have an end, and it joins.
bool holdsLease(const std::string& url);

}  // namespace leader
