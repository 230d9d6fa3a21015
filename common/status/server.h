#pragma once

#include <functional>
#include <memory>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/status/report.h"

namespace leader::status {

/// Serves reports over HTTP, one request a connection: at most 64 clients (Clients), 5 s and 8 KiB of head
/// each (ClientSocket). It has threads of its own, no way to change anything, and nobody waits for it.
class Server {
  public:
    /// Any thread; null where no report is to be had.
    using Source = std::function<std::shared_ptr<const Report>()>;

    /// `listener` is a listening, non-blocking TCP socket. Throws std::system_error or Poco's exceptions
    /// where no thread can be started.
    Server(UniqueFd listener, Source source);
    /// Drops all clients.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Where it listens: "127.0.0.1:8008".
    std::string address() const;
    std::size_t clients() const;

  private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace leader::status
