#pragma once

#include <Poco/Exception.h>
#include <Poco/Net/StreamSocketImpl.h>

#include <optional>
#include <string>

#include "common/base/interrupt.h"
#include "common/base/result.h"
#include "common/metadata/tls_files.h"

namespace leader::metadata {

/// All that the rest of the program asks of TLS. It stands apart because OpenSSL's shared libraries cost more
/// to load than everything else that leader-check does: they are only loaded once a URL wants them.
struct TlsFunctions {
    /// A StreamSocketImpl that is a DeadlineSocket; the caller owns it, `interrupt` must outlive it.
    Poco::Net::StreamSocketImpl* (*makeSocket)(const Interrupt& interrupt, const std::string& host,
                                               const TlsFiles& files);
    std::optional<Error> (*check)(const TlsFiles& files);
};

/// Linked in, or from the module beside the program where OpenSSL is a shared library.
Result<const TlsFunctions*> tlsFunctions();

/// What TLS has to say, ready for the user.
class TlsException : public Poco::IOException {
  public:
    using IOException::IOException;
};

}  // namespace leader::metadata
