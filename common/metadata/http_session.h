#pragma once

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/StreamSocketImpl.h>

#include <optional>
#include <string>
#include <vector>

#include "common/metadata/deadline_socket.h"
#include "common/metadata/http_client.h"

namespace leader::metadata {

/// Poco's timeouts are a read each, and a server that trickles never runs into one; this holds all reads to
/// one deadline and ends them when interrupted.
class InterruptibleSocket : public Poco::Net::StreamSocketImpl, public DeadlineSocket {
  public:
    explicit InterruptibleSocket(const Interrupt& interrupt) : interrupt_(&interrupt) {}

    void setDeadline(Instant deadline) override { deadline_ = deadline; }
    void setInterrupt(const Interrupt& interrupt) override { interrupt_ = &interrupt; }

    bool awaitBytes() override {
        return waitReadable(sockfd(), *interrupt_, deadline_ - Clock::system().now());
    }

    int receiveBytes(void* buffer, int length, int flags) override {
        if (!awaitBytes()) throw Poco::TimeoutException();
        return StreamSocketImpl::receiveBytes(buffer, length, flags);
    }

  private:
    const Interrupt* interrupt_;
    Instant deadline_;
};

/// Poco's session over an interruptible socket; it tries all addresses of a name, where Poco takes the first.
class HttpSession : public Poco::Net::HTTPClientSession {
  public:
    /// `interrupt` must outlive the session.
    HttpSession(const HttpOrigin& origin, const Interrupt& interrupt);

    const HttpOrigin& origin() const { return origin_; }
    /// Ends what follows instead of the one before; must outlive the session, too.
    void setInterrupt(const Interrupt& interrupt);

    /// Sends the request, over a new connection where there is none, and receives the answer's head, all by
    /// the deadline. The stream is that of the body. Throws Poco's exceptions, as all of this class.
    std::istream& exchange(const HttpRequest& request, Poco::Net::HTTPResponse& response, Instant deadline);
    /// Closes a kept-alive connection that the server has closed.
    void dropIfClosed();
    /// What comes next on the connection, undecoded: the number of bytes, 0 at its end; nothing at the
    /// deadline.
    std::optional<int> readSome(char* buffer, int size, Instant deadline);

  protected:
    void connect(const Poco::Net::SocketAddress& ofTheBaseClass) override;

  private:
    /// Takes ownership of the socket.
    HttpSession(HttpOrigin origin, const Interrupt& interrupt, Poco::Net::StreamSocketImpl* socket);

    std::vector<Poco::Net::IPAddress> resolve() const;
    /// What a connection attempt may take now.
    void limitAttempt();

    HttpOrigin origin_;
    const Interrupt* interrupt_;
    DeadlineSocket* deadlines_;
    /// Of the exchange under way.
    Instant deadline_;
};

/// Why there is no answer, in a few words.
std::string reasonOf(const Poco::Exception& e);

/// Poco's status and headers; throws where the status is none.
HttpResponse headOf(const Poco::Net::HTTPResponse& response);
/// The whole body, at most HttpClient::kMaxBody.
std::string readBody(std::istream& in, const Poco::Net::HTTPResponse& response);

}  // namespace leader::metadata
