#include "tests/support/name_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>

#include "tests/support/network_namespaces.h"

namespace leader::test {
namespace {

constexpr std::uint16_t kPort = 53;
constexpr std::size_t kHeader = 12;
constexpr std::size_t kTypeAndClass = 4;
constexpr int kTypeA = 1;

constexpr std::string_view kNoError("\x85\x80", 2);  // an authoritative answer, recursion was done
constexpr std::string_view kNoSuchName("\x85\x83", 2);
constexpr std::string_view kOneQuestion("\0\1", 2);
constexpr std::string_view kNone("\0\0", 2);
constexpr std::string_view kOne("\0\1", 2);
// The name is the one at byte 12; type A, class IN, for a minute, four bytes.
constexpr std::string_view kAnswer("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4", 12);

/// The question's name with dots; `at` moves behind it.
std::string nameIn(const std::string& query, std::size_t& at) {
    std::string name;
    while (at < query.size() && query[at] != 0) {
        const auto length = static_cast<std::size_t>(static_cast<unsigned char>(query[at]));
        name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
        at += 1 + length;
    }
    ++at;
    return name;
}

}  // namespace

NameServer::NameServer(int networkNamespace, std::map<std::string, std::string> addresses)
    : addresses_(std::move(addresses)), stop_(::eventfd(0, EFD_CLOEXEC)) {
    insideNamespace(networkNamespace, [this] {
        socket_ = Poco::Net::DatagramSocket(Poco::Net::SocketAddress("127.0.0.1", kPort));
    });
    thread_ = std::thread([this] { serve(); });
}

NameServer::~NameServer() {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
}

std::vector<std::string> NameServer::asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
}

void NameServer::serve() {
    for (;;) {
        std::array<pollfd, 2> waiting{{{socket_.impl()->sockfd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
        if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
        if (waiting[1].revents != 0) return;
        std::array<char, 512> bytes;
        Poco::Net::SocketAddress client;
        const int size = socket_.receiveFrom(bytes.data(), bytes.size(), client);
        const std::string answer = answerTo(std::string(bytes.data(), static_cast<std::size_t>(size)));
        if (answer.empty()) continue;
        socket_.sendTo(answer.data(), static_cast<int>(answer.size()), client);
    }
}

std::string NameServer::answerTo(const std::string& query) {
    std::size_t at = kHeader;
    const std::string name = nameIn(query, at);
    {
        const std::lock_guard lock(mutex_);
        asked_.push_back(name);
    }
    const auto found = addresses_.find(name);
    const bool known = found != addresses_.end();
    if (known && found->second.empty()) return "";
    const bool answered = known && at + 1 < query.size() && query[at + 1] == kTypeA;
    std::string answer = query.substr(0, 2);
    answer.append(known ? kNoError : kNoSuchName).append(kOneQuestion).append(answered ? kOne : kNone);
    answer.append(kNone).append(kNone).append(query, kHeader, at + kTypeAndClass - kHeader);
    if (!answered) return answer;
    in_addr address{};
    ::inet_pton(AF_INET, found->second.c_str(), &address);
    return answer.append(kAnswer).append(reinterpret_cast<const char*>(&address), sizeof address);
}

}  // namespace leader::test
