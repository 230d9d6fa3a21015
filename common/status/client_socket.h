#pragma once

#include <Poco/Net/StreamSocketImpl.h>

#include <string>

#include "common/status/clients.h"

namespace leader::status {

/// One client's connection, for one request. Poco limits the time of a single read and the length of a single
/// header field; this holds all of the request and its answer to one deadline and the whole head to one
/// size, and gives Poco a head only once it is there as a whole. It owns the descriptor. One thread.
class ClientSocket : public Poco::Net::StreamSocketImpl {
  public:
    static constexpr Duration kTime = std::chrono::seconds(5);
    static constexpr std::size_t kMostHead = std::size_t{8} * 1024;

    /// `clients` must outlive it.
    ClientSocket(int fd, Clients& clients);

    int receiveBytes(void* buffer, int length, int flags) override;
    int sendBytes(const void* buffer, int length, int flags) override;
    /// At once: the waiting is receiveBytes()'s.
    bool poll(const Poco::Timespan& timeout, int mode) override;
    /// Waits, within the deadline, until the client has seen its answer.
    void close() override;

    using StreamSocketImpl::receiveBytes;
    using StreamSocketImpl::sendBytes;

  protected:
    ~ClientSocket() override;

  private:
    /// What is drained of a client that goes on sending, so that it gets to see its answer.
    static constexpr std::size_t kMostDrained = std::size_t{64} * 1024;

    bool wait(short events) const;
    void readHead();
    void refuse(const char* status);
    void drain();

    Clients& clients_;
    const Instant deadline_;
    Clients::Place place_;
    std::string head_;
    std::size_t handedOut_ = 0;
    bool complete_ = false;
    bool answered_ = false;
};

}  // namespace leader::status
