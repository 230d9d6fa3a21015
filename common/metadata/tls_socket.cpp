#include "common/metadata/tls_socket.h"

#include <Poco/Net/Context.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/signals_blocked.h"
#include "common/metadata/tls_module.h"

namespace leader::metadata {
namespace {

using Poco::Net::Context;
using Poco::Net::SecureStreamSocket;

Context::Ptr makeContext() {
    return {new Context(Context::TLS_CLIENT_USE, "", Context::VERIFY_STRICT, 9, false, "DEFAULT")};
}

/// Poco's message begins with OpenSSL's "error:CODE:", in hexadecimal digits.
unsigned long codeOf(const Poco::Net::SSLException& e) {
    const std::string& text = e.message();
    const std::size_t at = text.find("error:");
    return at == std::string::npos ? 0 : std::strtoul(text.c_str() + at + 6, nullptr, 16);
}

}  // namespace

TlsSocket::TlsSocket(const Interrupt& interrupt, const std::string& host, TlsFiles files)
    : TlsSocket(interrupt, host, std::move(files), new Poco::Net::StreamSocketImpl, makeContext()) {
}

TlsSocket::TlsSocket(const Interrupt& interrupt, const std::string& host, TlsFiles files,
                     Poco::Net::StreamSocketImpl* tcp, const Context::Ptr& context)
    : SecureStreamSocketImpl(tcp, context),
      interrupt_(&interrupt),
      host_(host),
      files_(std::move(files)),
      tcp_(tcp),
      context_(context->sslContext()) {
    // The base class has taken a reference of its own.
    tcp->release();
    setLazyHandshake(true);
    Poco::Net::IPAddress address;
    if (!Poco::Net::IPAddress::tryParse(host, address)) setPeerHostName(host);
}

bool TlsSocket::awaitBytes() {
    const Duration left = deadline_ - Clock::system().now();
    // What OpenSSL has already taken from the kernel makes nothing readable.
    if (available() > 0) return left > Duration::zero() && !interrupt_->raised();
    return waitReadable(sockfd(), *interrupt_, left);
}

void TlsSocket::connect(const Poco::Net::SocketAddress& address, const Poco::Timespan& timeout) {
    blockSigpipe();  // OpenSSL writes to sockets as to files
    verification_ = {};
    auto error = tls::demandVerification(context_, host_, verification_);
    if (!error) error = tls::load(files_, context_);
    if (error) throw TlsException(error->message);
    SecureStreamSocketImpl::connect(address, timeout);
    tcp_->setBlocking(false);
    const Instant deadline = deadline_;
    deadline_ =
        std::min(deadline, Clock::system().now() + std::chrono::microseconds(timeout.totalMicroseconds()));
    const int done = complete([this] { return completeHandshake(); });
    deadline_ = deadline;
    if (done != 1) throw TlsException("the server closes the connection instead of speaking TLS");
}

int TlsSocket::receiveBytes(void* buffer, int length, int flags) {
    if (!awaitBytes()) throw Poco::TimeoutException();
    return complete([&] { return SecureStreamSocketImpl::receiveBytes(buffer, length, flags); });
}

int TlsSocket::sendBytes(const void* buffer, int length, int flags) {
    return complete([&] { return SecureStreamSocketImpl::sendBytes(buffer, length, flags); });
}

template <typename Operation>
int TlsSocket::complete(Operation operation) {
    for (;;) {
        // What an earlier operation left would be taken for the reason of this one.
        ERR_clear_error();
        int result = 0;
        try {
            result = operation();
        } catch (const Poco::Net::SSLConnectionUnexpectedlyClosedException&) {
            return 0;
        } catch (const Poco::Net::SSLException& e) {
            if (!verification_.failure.empty()) throw TlsException(verification_.failure);
            if (tls::isEndOfConnection(codeOf(e))) return 0;
            throw TlsException(tls::explain(codeOf(e)));
        }
        const Duration left = deadline_ - Clock::system().now();
        bool ready = true;
        if (result == SecureStreamSocket::ERR_SSL_WANT_READ)
            ready = waitReadable(sockfd(), *interrupt_, left);
        else if (result == SecureStreamSocket::ERR_SSL_WANT_WRITE)
            ready = waitWritable(sockfd(), *interrupt_, left);
        else
            return result;
        if (!ready) throw Poco::TimeoutException();
    }
}

const TlsFunctions* leaderTlsFunctions() {
    static constexpr TlsFunctions kFunctions = {[](const Interrupt& interrupt, const std::string& host,
                                                   const TlsFiles& files) -> Poco::Net::StreamSocketImpl* {
                                                    return new TlsSocket(interrupt, host, files);
                                                },
                                                tls::check};
    return &kFunctions;
}

}  // namespace leader::metadata
