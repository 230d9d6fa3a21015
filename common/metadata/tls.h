#pragma once

#include <openssl/types.h>

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/metadata/tls_files.h"

/// What this program makes of OpenSSL's own interface: whom a client trusts, and why it did not.
namespace leader::metadata::tls {

/// What became of the verification of a server's certificate.
struct Verification {
    /// "the certificate of CN=x has expired on …"; empty while nothing was refused.
    std::string failure;
};

/// Has every handshake of `context` verify the chain and that the certificate is for `host`, a name or an IP
/// address, TLS 1.2 or later. What is refused is told to `verification`, which must outlive the context.
[[nodiscard]] std::optional<Error> demandVerification(SSL_CTX* context, const std::string& host,
                                                      Verification& verification);

/// Reads the files into `context`, in place of what it had.
[[nodiscard]] std::optional<Error> load(const TlsFiles& files, SSL_CTX* context);
/// What is wrong with the files.
[[nodiscard]] std::optional<Error> check(const TlsFiles& files);

/// What OpenSSL's error code means for the user of this program.
std::string explain(unsigned long code);
/// The connection ended without the end of TLS, as many servers close.
bool isEndOfConnection(unsigned long code);

}  // namespace leader::metadata::tls
