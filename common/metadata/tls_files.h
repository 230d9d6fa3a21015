#pragma once

#include <string>

namespace leader::metadata {

/// PEM files of a TLS client; they are read again for each connection, as they are replaced in time.
struct TlsFiles {
    /// Whom to trust; empty for the system's own list.
    std::string caFile{};
    /// The client's certificate with its chain, and its key; both or none.
    std::string certFile{};
    std::string keyFile{};

    bool empty() const { return caFile.empty() && certFile.empty() && keyFile.empty(); }
};

}  // namespace leader::metadata
