// HAProxy in front of three members, checking them as it checks Patroni's.

#include <gtest/gtest.h>

#include <csignal>
#include <list>

#include "tests/e2e/proxy_rig.h"
#include "tests/e2e/status_rig.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr int kMembers = 3;

/// Says its name to each client and keeps the connection; listens whether its member leads or not, so that
/// only the health check can tell.
class NamedService {
  public:
    NamedService(const std::string& address, std::string name)
        : listener_(listenOn(address)), name_(std::move(name)), thread_([this] { serve(); }) {}
    ~NamedService() {
        stop_ = true;
        thread_.join();
    }
    NamedService(const NamedService&) = delete;
    NamedService& operator=(const NamedService&) = delete;

    std::uint16_t port() const { return portOf(listener_.get()); }

  private:
    void serve() {
        std::list<UniqueFd> clients;
        while (!stop_) {
            pollfd entry{listener_.get(), POLLIN, 0};
            if (::poll(&entry, 1, 20) != 1) continue;
            while (UniqueFd client = acceptFrom(listener_)) {
                send(client.get(), name_.data(), name_.size(), MSG_NOSIGNAL);
                clients.push_back(std::move(client));
            }
        }
    }

    UniqueFd listener_;
    std::string name_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

class HAProxy : public ::testing::Test {
  protected:
    void SetUp() override {
        if (runToEnd({.command = {"sh", "-c", "PATH=$PATH:/usr/sbin haproxy -v"}}).code != 0)
            GTEST_SKIP() << "no haproxy at hand: scripts/install-tools test installs it";
        environment_ = service(kMembers, 0);
        save();
        for (int number = 1; number <= kMembers; ++number) {
            const std::string name = "web-app-" + std::to_string(number);
            services_.push_back(std::make_unique<NamedService>("127.0.0.1", name));
            members_.push_back(std::make_unique<Process>(run(
                "file:" + directory_ / "answers.json", {"--self", name, "--status-address", "127.0.0.1:0"})));
            ASSERT_TRUE(answers(statusPort(*members_.back()), number == 1 ? "/leader" : "/replica", 200));
        }
    }

    void save() { saveAnswers(environment_.answers(), directory_ / "answers.json"); }

    /// A listener of HAProxy's that passes its clients on to the members whose `check` succeeds.
    std::string section(const std::string& name, std::uint16_t port, const std::string& check) {
        std::string text = "listen " + name + "\n  bind " + loopback(1) + ":" + std::to_string(port) +
                           "\n  option httpchk " + check +
                           "\n  default-server inter 50ms fastinter 50ms downinter 50ms fall 2 rise 1 "
                           "on-marked-down shutdown-sessions\n";
        for (std::size_t i = 0; i < members_.size(); ++i)
            text += "  server m" + std::to_string(i + 1) +
                    " 127.0.0.1:" + std::to_string(services_[i]->port()) + " check port " +
                    std::to_string(statusPort(*members_[i])) + "\n";
        return text;
    }

    void startHAProxy(const std::string& sections) {
        writeFile(directory_ / "haproxy.cfg",
                  "global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 1m\n"
                  "  timeout server 1m\n  timeout check 5s\n" +
                      sections);
        haproxy_ = std::make_unique<Process>(Process::Options{
            .command = {"sh", "-c",
                        "PATH=$PATH:/usr/sbin exec haproxy -db -f " + directory_ / "haproxy.cfg"}});
    }

    /// Who answers at this port of HAProxy's; empty while nobody does.
    static std::string whoAnswers(std::uint16_t port) {
        const UniqueFd client = connectTo(loopback(1), port);
        return client ? readSoon(client, std::string("web-app-1").size()).bytes : "";
    }

    TemporaryDirectory directory_;
    Environment environment_;
    std::vector<std::unique_ptr<NamedService>> services_;
    std::vector<std::unique_ptr<Process>> members_;
    std::unique_ptr<Process> haproxy_;
};

TEST_F(HAProxy, ChecksForPatroniFollowTheLeaderThroughAFailover) {
    const std::uint16_t leaders = freePort(loopback(1));
    startHAProxy(section("leader", leaders, "GET /leader"));
    ASSERT_TRUE(haproxy_->waitForErrors("leader/m2 is DOWN") && haproxy_->waitForErrors("leader/m3 is DOWN"))
        << haproxy_->errors();
    for (int i = 0; i < 5; ++i) EXPECT_EQ("web-app-1", whoAnswers(leaders));

    const UniqueFd held = connectTo(loopback(1), leaders);
    ASSERT_EQ("web-app-1", readSoon(held, 9).bytes);
    environment_.container("web-app-1").state = std::string("stopping");
    save();
    EXPECT_FALSE(readSoon(held).open()) << "the session with the old leader goes on";
    std::string next;
    ASSERT_TRUE(eventually([&] { return !(next = whoAnswers(leaders)).empty(); }));
    EXPECT_EQ("web-app-2", next);

    // A leader that is gone altogether, its command with it.
    members_[1]->signal(SIGKILL);
    ASSERT_TRUE(members_[1]->waitForExit());
    environment_.remove("web-app-2");
    save();
    ASSERT_TRUE(eventually([&] { return countLines(haproxy_->errors(), "leader/m2 is DOWN") == 2; }));
    ASSERT_TRUE(eventually([&] { return whoAnswers(leaders) == "web-app-3"; }));
    for (int i = 0; i < 5; ++i) EXPECT_EQ("web-app-3", whoAnswers(leaders));
}

TEST_F(HAProxy, ChecksForPatroniTellReplicasFromThePrimary) {
    const std::uint16_t primary = freePort(loopback(1));
    const std::uint16_t replicas = freePort(loopback(1));
    startHAProxy(section("primary", primary, "OPTIONS /primary HTTP/1.1\\r\\nHost:\\ leader") +
                 section("replicas", replicas, "HEAD /replica"));
    for (const std::string down : {"primary/m2", "primary/m3", "replicas/m1"})
        ASSERT_TRUE(haproxy_->waitForErrors(down + " is DOWN")) << haproxy_->errors();
    EXPECT_EQ("web-app-1", whoAnswers(primary));
    std::set<std::string> seen;
    for (int i = 0; i < 6; ++i) seen.insert(whoAnswers(replicas));
    EXPECT_EQ((std::set<std::string>{"web-app-2", "web-app-3"}), seen);
}

}  // namespace
}  // namespace leader::test
