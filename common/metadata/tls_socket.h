#pragma once

#include <Poco/Net/SecureStreamSocketImpl.h>

#include <string>

#include "common/base/interrupt.h"
#include "common/metadata/deadline_socket.h"
#include "common/metadata/tls.h"

namespace leader::metadata {

/// Poco's TLS over a socket that never blocks, so that the handshake, each read and each write end at the
/// deadline or when interrupted, wherever in a record that is. Who does not prove to be `host` is not spoken
/// to.
class TlsSocket : public Poco::Net::SecureStreamSocketImpl, public DeadlineSocket {
  public:
    /// `interrupt` must outlive the socket.
    TlsSocket(const Interrupt& interrupt, const std::string& host, TlsFiles files);

    void setDeadline(Instant deadline) override { deadline_ = deadline; }
    void setInterrupt(const Interrupt& interrupt) override { interrupt_ = &interrupt; }
    bool awaitBytes() override;

    void connect(const Poco::Net::SocketAddress& address, const Poco::Timespan& timeout) override;
    int receiveBytes(void* buffer, int length, int flags) override;
    int sendBytes(const void* buffer, int length, int flags) override;

  private:
    TlsSocket(const Interrupt& interrupt, const std::string& host, TlsFiles files,
              Poco::Net::StreamSocketImpl* tcp, const Poco::Net::Context::Ptr& context);
    ~TlsSocket() override = default;

    /// Repeats what would have blocked until it is done.
    template <typename Operation>
    int complete(Operation operation);

    const Interrupt* interrupt_;
    std::string host_;
    TlsFiles files_;
    Instant deadline_;
    tls::Verification verification_;
    /// The base class owns them.
    Poco::Net::StreamSocketImpl* tcp_;
    SSL_CTX* context_;
};

}  // namespace leader::metadata
