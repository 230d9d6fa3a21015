#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.h"
#include "tests/support/certificates.h"

namespace leader::test {

/// Speaks TLS in front of a server on 127.0.0.1 that does not, on a free port of its own. It takes the
/// encryption off and on by hand, so that it can also stop in the middle of a record.
class TlsFront {
  public:
    struct Options {
        Certificate certificate{};
        /// Clients have to show a certificate of this authority; empty: they need not.
        std::string clientAuthority{};
        /// TLS1_2_VERSION and the like; 0: any.
        int newestVersion = 0;
        /// Sends so many encrypted bytes on each connection, and then nothing any more.
        std::size_t stallAfter = std::numeric_limits<std::size_t>::max();
        /// Reads about so many encrypted bytes on each connection, and then nothing any more.
        std::size_t deafAfter = std::numeric_limits<std::size_t>::max();
        /// Ends connections without the end of TLS.
        bool abrupt = false;
    };

    TlsFront(std::uint16_t backend, Options options);
    ~TlsFront();
    TlsFront(const TlsFront&) = delete;
    TlsFront& operator=(const TlsFront&) = delete;

    std::uint16_t port() const { return port_; }
    /// Encrypted bytes sent so far.
    std::size_t sent() const { return sent_; }
    int connections() const { return connections_; }
    /// Of those, which are heard no more.
    int deaf() const { return deaf_; }
    /// The last name that a client asked for (SNI).
    std::string askedFor() const;

  private:
    class Connection;

    void acceptAll();

    const std::uint16_t backend_;
    const Options options_;
    UniqueFd listener_;
    UniqueFd stop_;
    std::uint16_t port_ = 0;
    std::atomic<std::size_t> sent_{0};
    std::atomic<int> connections_{0};
    std::atomic<int> deaf_{0};
    mutable std::mutex mutex_;
    std::string askedFor_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace leader::test
