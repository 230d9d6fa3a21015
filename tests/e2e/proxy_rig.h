#pragma once

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
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

    void leaderIs(const std::string& address) { save(address, "running"); }
    void nobodyLeads() { save(loopback(1), "stopped"); }

    UniqueFd client() const { return connectTo(loopback(2), port); }

    /// What each open descriptor is: "socket:[…]", "pipe:[…]", a path, …
    std::map<int, std::string> descriptors() const {
        std::map<int, std::string> found;
        const std::filesystem::path path = "/proc/" + std::to_string(process->pid()) + "/fd";
        for (const auto& entry : std::filesystem::directory_iterator(path)) {
            std::error_code closedMeanwhile;
            const auto target = std::filesystem::read_symlink(entry.path(), closedMeanwhile);
            if (!closedMeanwhile) found.emplace(std::stoi(entry.path().filename()), target);
        }
        return found;
    }
    std::size_t descriptors(const std::string& kind) const {
        std::size_t count = 0;
        for (const auto& [number, what] : descriptors()) count += what.rfind(kind, 0) == 0 ? 1 : 0;
        return count;
    }

    std::uint16_t port;
    std::unique_ptr<Process> process;

  private:
    void save(const std::string& address, const std::string& state) {
        Environment environment = service(1, 0);
        environment.container("web-app-1").address = address;
        environment.container("web-app-1").state = state;
        saveAnswers(environment.answers(), directory_ / "answers.json");
    }

    TemporaryDirectory directory_;
};

/// A leader that sends its name to each client and closes, or keeps the connection open; from a thread of its
/// own.
class NamingLeader {
  public:
    enum class After { kClose, kKeep };

    NamingLeader(UniqueFd listener, std::string name, After after = After::kClose)
        : listener_(std::move(listener)), name_(std::move(name)), after_(after) {
        thread_ = std::thread([this] { serve(); });
    }
    ~NamingLeader() {
        stop_ = true;
        thread_.join();
    }
    NamingLeader(const NamingLeader&) = delete;
    NamingLeader& operator=(const NamingLeader&) = delete;

    /// How many clients it has had.
    std::size_t clients() const { return clients_; }

  private:
    void serve() {
        while (!stop_) {
            pollfd entry{listener_.get(), POLLIN, 0};
            if (::poll(&entry, 1, 20) != 1) continue;
            while (UniqueFd client = acceptFrom(listener_)) {
                ++clients_;
                sendAll(client, name_);
                if (after_ == After::kKeep) kept_.push_back(std::move(client));
            }
        }
    }

    UniqueFd listener_;
    std::string name_;
    After after_;
    std::vector<UniqueFd> kept_;
    std::atomic<std::size_t> clients_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

/// A proxy and the listener of the leader that it forwards to.
struct Proxied : testing::Test {
    UniqueFd listener = listenOn(loopback(1));
    std::optional<ProxyProcess> proxy;

    void SetUp() override { start({}); }
    void start(const std::vector<std::string>& options) { proxy.emplace(portOf(listener.get()), options); }
};

struct ProxiedWithOptions : Proxied {
    void SetUp() override {}
};

}  // namespace leader::test
