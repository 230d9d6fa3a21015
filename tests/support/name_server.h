#pragma once

#include <Poco/Net/DatagramSocket.h>

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.h"

namespace leader::test {

/// A DNS server (RFC 1035) on UDP port 53 of 127.0.0.1 in a network namespace: A records from a table, names
/// in lower case, where an empty address is silence; anything else does not exist. One thread of its own; any
/// thread may call it.
class NameServer {
  public:
    NameServer(int networkNamespace, std::map<std::string, std::string> addresses);
    ~NameServer();
    NameServer(const NameServer&) = delete;
    NameServer& operator=(const NameServer&) = delete;

    /// The names asked for so far, in order.
    std::vector<std::string> asked() const;

  private:
    void serve();
    std::string answerTo(const std::string& query);

    std::map<std::string, std::string> addresses_;
    Poco::Net::DatagramSocket socket_;
    UniqueFd stop_;
    mutable std::mutex mutex_;
    std::vector<std::string> asked_;
    std::thread thread_;
};

}  // namespace leader::test
