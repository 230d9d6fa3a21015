#pragma once

#include <string>
#include <vector>

#include "common/metadata/http_client.h"

namespace leader {

/// An election in etcd, from `etcd[s]://HOST[:PORT][,...]/NAME`. All behind the first slash is the
/// name; `%XX` stands for any byte in it but NUL, every other character for itself.
struct EtcdUrl {
    static constexpr int kDefaultPort = 2379;

    /// With TLS for etcds; the files are the caller's to name.
    std::vector<metadata::HttpOrigin> endpoints;
    std::string name;
};
Result<EtcdUrl> parseEtcdUrl(const std::string& url);

}  // namespace leader
