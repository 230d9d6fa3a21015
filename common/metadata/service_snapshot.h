#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/metadata/rancher_document.h"

namespace leader::metadata {

/// Which service is asked about, and by whom.
struct ServiceQuery {
    /// This member's uuid, name or address; empty where the metadata can tell.
    std::string self;
    /// "[STACK/]SERVICE"; empty for the own service.
    std::string service;
};

/// The members of one service at one time.
struct ServiceSnapshot {
    std::string stack;
    std::string service;
    /// Empty where the one who asks only looks on and is not known.
    std::string selfUuid;
    std::vector<Container> members;
};

/// Where Rancher's documents come from: a server or a file.
class DocumentSource {
  public:
    virtual ~DocumentSource() = default;
    /// A Self without a container where the source does not know the one who asks.
    virtual Result<Self> self() = 0;
    virtual Result<std::vector<Container>> containers() = 0;
    /// What errors call the source.
    virtual std::string name() const = 0;
};

/// Whether both are containers of one service: by stack and service name, without case, and by the service's
/// uuid where both have one.
bool sameService(const Container& a, const Container& b);

/// Answers `query` from `source`. A malformed member of the service is an error, for then nobody can tell the
/// order; a malformed container of another service is none.
Result<ServiceSnapshot> readService(DocumentSource& source, const ServiceQuery& query);

}  // namespace leader::metadata
