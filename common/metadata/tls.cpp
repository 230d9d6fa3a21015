#include "common/metadata/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

#include "common/base/unique_fd.h"

namespace leader::metadata::tls {
namespace {

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Text = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

std::string contentsOf(const Text& text) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(text.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

std::string nameOf(const X509_NAME* name) {
    const Text text(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    const std::string written = contentsOf(text);
    return written.empty() ? "nobody" : written;
}

std::string timeOf(const ASN1_TIME* time) {
    const Text text(BIO_new(BIO_s_mem()));
    ASN1_TIME_print(text.get(), time);
    return contentsOf(text);
}

/// The names and addresses that the certificate is for.
std::string subjectsOf(X509* certificate) {
    const Names names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    const Text text(BIO_new(BIO_s_mem()));
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        if (i > 0) BIO_puts(text.get(), ", ");
        GENERAL_NAME_print(text.get(), sk_GENERAL_NAME_value(names.get(), i));
    }
    const std::string written = contentsOf(text);
    return written.empty() ? "no host at all" : written;
}

std::string refusalOf(X509_STORE_CTX* store) {
    const int error = X509_STORE_CTX_get_error(store);
    X509* certificate = X509_STORE_CTX_get_current_cert(store);
    if (certificate == nullptr) return X509_verify_cert_error_string(error);
    const std::string which =
        "the server's certificate is refused: that of " + nameOf(X509_get_subject_name(certificate));
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return which + " has expired on " + timeOf(X509_get0_notAfter(certificate));
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return which + " is not valid before " + timeOf(X509_get0_notBefore(certificate));
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return which + " is not for this host but for " + subjectsOf(certificate);
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return which + " is issued by " + nameOf(X509_get_issuer_name(certificate)) +
                   ", whom nothing here trusts; give its certificate with --ca-file";
        default:
            return which + ": " + X509_verify_cert_error_string(error);
    }
}

int verify(X509_STORE_CTX* store, void* verification) {
    const int verified = X509_verify_cert(store);
    if (verified <= 0) static_cast<Verification*>(verification)->failure = refusalOf(store);
    return verified;
}

// OpenSSL's own would ask for one on the terminal.
int noPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*unused*/) {
    return -1;
}

std::string lastReason() {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason == nullptr ? "" : std::string(" (") + reason + ")";
}

/// OpenSSL's own words for a file that is not there name no file.
std::optional<Error> checkReadable(const std::string& option, const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return Error::fromErrno(option + " " + path);
    return {};
}

std::optional<Error> loadAuthorities(const std::string& path, SSL_CTX* context) {
    Store store(X509_STORE_new());
    if (path.empty()) {
        X509_STORE_set_default_paths(store.get());
    } else {
        if (auto error = checkReadable("--ca-file", path)) return error;
        if (X509_STORE_load_file(store.get(), path.c_str()) != 1)
            return Error{"--ca-file " + path + ": holds no certificate in PEM form" + lastReason()};
    }
    SSL_CTX_set_cert_store(context, store.release());
    return {};
}

std::optional<Error> loadIdentity(const TlsFiles& files, SSL_CTX* context) {
    if (files.certFile.empty() && files.keyFile.empty()) return {};
    if (files.keyFile.empty()) return Error{"--cert-file is of no use without --key-file"};
    if (files.certFile.empty()) return Error{"--key-file is of no use without --cert-file"};
    if (auto error = checkReadable("--cert-file", files.certFile)) return error;
    if (auto error = checkReadable("--key-file", files.keyFile)) return error;
    if (SSL_CTX_use_certificate_chain_file(context, files.certFile.c_str()) != 1)
        return Error{"--cert-file " + files.certFile + ": holds no certificate in PEM form" + lastReason()};
    if (SSL_CTX_use_PrivateKey_file(context, files.keyFile.c_str(), SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
            return Error{"--key-file " + files.keyFile + ": is not the key of --cert-file " + files.certFile};
        return Error{"--key-file " + files.keyFile + ": holds no key in PEM form without a passphrase" +
                     lastReason()};
    }
    return {};
}

}  // namespace

std::optional<Error> demandVerification(SSL_CTX* context, const std::string& host,
                                        Verification& verification) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, verify, &verification);
    X509_VERIFY_PARAM* demands = SSL_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_hostflags(
        demands, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_ip_asc(demands, host.c_str()) != 1 &&
        X509_VERIFY_PARAM_set1_host(demands, host.c_str(), host.size()) != 1)
        return Error{"no certificate can be for the host '" + host + "'"};
    return {};
}

std::optional<Error> load(const TlsFiles& files, SSL_CTX* context) {
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(context, noPassphrase);
    auto error = loadAuthorities(files.caFile, context);
    if (!error) error = loadIdentity(files, context);
    ERR_clear_error();
    return error;
}

std::string explain(unsigned long code) {
    const std::string theServer = "the server ends the connection: ";
    switch (ERR_GET_REASON(code)) {
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            return theServer + "it wants a client's certificate; give --cert-file and --key-file";
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
            return theServer + "it does not accept the certificate of --cert-file";
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            return theServer + "the certificate of --cert-file has expired";
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_PACKET_LENGTH_TOO_LONG:
            return "the server does not speak TLS";
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        case SSL_R_UNSUPPORTED_PROTOCOL:
            return "the server speaks neither TLS 1.2 nor a later one";
        default:
            break;
    }
    const char* reason = ERR_reason_error_string(code);
    return std::string("TLS failed: ") + (reason == nullptr ? "no reason is known" : reason);
}

bool isEndOfConnection(unsigned long code) {
    return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

std::optional<Error> check(const TlsFiles& files) {
    const std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
    return load(files, context.get());
}

}  // namespace leader::metadata::tls
