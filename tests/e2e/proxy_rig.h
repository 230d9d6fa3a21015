#pragma once

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>

#include "tests/e2e/harness.h"
#include "tests/support/tcp.h"

namespace leader::test {

/// Waits until `fd` is ready for reading or writing; false at the deadline.
inline bool ready(const UniqueFd& fd, short events) {
    pollfd entry{fd.get(), events, 0};
    return ::poll(&entry, 1, static_cast<int>(patience().count())) == 1;
}

inline UniqueFd acceptSoon(const UniqueFd& listener) {
    return ready(listener, POLLIN) ? acceptFrom(listener) : UniqueFd();
}

/// Reads until the peer has ended, an error, or `size` bytes.
inline Received readSoon(const UniqueFd& fd, std::size_t size = SIZE_MAX) {
    Received got;
    while (got.open() && got.bytes.size() < size && ready(fd, POLLIN)) got.poll(fd, size - got.bytes.size());
    return got;
}

/// `leader proxy` for one port of web/app, whose containers are leaders on loopback addresses.
class ProxyProcess {
  public:
    /// The leader is at loopback(1); `options` go before the port.
    explicit ProxyProcess(std::uint16_t target, std::vector<std::string> options = {})
        : port(freePort(loopback(2))) {
        leaderIs(loopback(1));
        options.insert(options.begin(), {"proxy", "--service", "web/app", "--proxy-bind", loopback(2)});
        options.push_back(std::to_string(port) + ":" + std::to_string(target));
        process = std::make_unique<Process>(leader(options, "file:" + directory_ / "answers.json"));
        EXPECT_TRUE(process->waitForErrors("forwarding to")) << process->errors();
    }

    void leaderIs(const std::string& address) {
        Environment environment = service(1, 0);
        environment.container("web-app-1").address = address;
        saveAnswers(environment.answers(), directory_ / "answers.json");
    }

    UniqueFd client() const { return connectTo(loopback(2), port); }

    std::size_t descriptors() const {
        const std::filesystem::path path = "/proc/" + std::to_string(process->pid()) + "/fd";
        const std::filesystem::directory_iterator all(path);
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

    std::uint16_t port;
    std::unique_ptr<Process> process;

  private:
    TemporaryDirectory directory_;
};

/// A leader that sends its name to each client and closes, from a thread of its own.
class NamingLeader {
  public:
    NamingLeader(UniqueFd listener, std::string name)
        : listener_(std::move(listener)), name_(std::move(name)) {
        thread_ = std::thread([this] { serve(); });
    }
    ~NamingLeader() {
        stop_ = true;
        thread_.join();
    }
    NamingLeader(const NamingLeader&) = delete;
    NamingLeader& operator=(const NamingLeader&) = delete;

  private:
    void serve() {
        while (!stop_) {
            pollfd entry{listener_.get(), POLLIN, 0};
            if (::poll(&entry, 1, 20) != 1) continue;
            while (const UniqueFd client = acceptFrom(listener_)) sendAll(client, name_);
        }
    }

    UniqueFd listener_;
    std::string name_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

}  // namespace leader::test
