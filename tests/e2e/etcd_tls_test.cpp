#include <csignal>
#include <iterator>

#include "tests/e2e/harness.h"
#include "tests/support/certificates.h"
#include "tests/support/tcp.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

/// A real etcd that is only spoken to over TLS, with users if wanted.
class SecureEtcd {
  public:
    SecureEtcd(const Certificate& certificate, const std::string& clientAuthority, const Certificate& client)
        : authority_(clientAuthority), client_(client) {
        const Loopback any("127.0.0.1", 0);
        for (UniqueFd* port : {&clients_, &peers_}) {
            // A bound socket that does not listen keeps the port.
            *port = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            const int on = 1;
            ::setsockopt(port->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            EXPECT_EQ(0, ::bind(port->get(), any.get(), any.size));
        }
        command_ = {"etcd",
                    "--data-dir",
                    folder_ / "data",
                    "--listen-client-urls",
                    url("https", clients_),
                    "--advertise-client-urls",
                    url("https", clients_),
                    "--listen-peer-urls",
                    url("http", peers_),
                    "--initial-advertise-peer-urls",
                    url("http", peers_),
                    "--initial-cluster",
                    "default=" + url("http", peers_),
                    "--cert-file",
                    certificate.file,
                    "--key-file",
                    certificate.key,
                    "--client-cert-auth",
                    "--trusted-ca-file",
                    clientAuthority,
                    "--logger",
                    "zap",
                    "--log-level",
                    "error"};
        start();
    }

    void start() {
        process_.emplace(
            Process::Options{.command = command_, .environment = {{"ETCD_UNSUPPORTED_ARCH", "arm64"}}});
        EXPECT_TRUE(eventually(
            [&] {
                return ctl({"endpoint", "health"}).code == 0 || !user_.empty();
            },
            30s))
            << process_->errors();
    }
    void restart() {
        process_->signal(SIGKILL);
        process_->waitForExit();
        start();
    }

    std::string engine(const std::string& name) const {
        return "etcds://127.0.0.1:" + std::to_string(portOf(clients_.get())) + "/" + name;
    }

    Ended ctl(std::vector<std::string> words) const {
        std::vector<std::string> all = {"etcdctl",
                                        "--endpoints",
                                        url("https", clients_),
                                        "--cert",
                                        client_.file,
                                        "--key",
                                        client_.key,
                                        "--cacert",
                                        authority_,
                                        "--insecure-skip-tls-verify",
                                        "--command-timeout",
                                        "5s"};
        if (!user_.empty()) all.insert(all.end(), {"--user", user_});
        all.insert(all.end(), words.begin(), words.end());
        return runToEnd({.command = all, .environment = {{"ETCDCTL_API", "3"}}});
    }

    /// From now on only root and `db`, whose password is "a secret", may do anything, and the latter only
    /// with what begins with "db/".
    void demandUsers() {
        for (const std::vector<std::string>& words :
             {std::vector<std::string>{"user", "add", "root:root"},
              {"user", "add", "db:a secret"},
              {"role", "add", "db"},
              {"role", "grant-permission", "db", "--prefix=true", "readwrite", "db/"},
              {"user", "grant-role", "db", "db"},
              {"user", "grant-role", "root", "root"},
              {"auth", "enable"}})
            ASSERT_EQ(0, ctl(words).code) << words[0] << " " << words[1];
        user_ = "root:root";
    }

  private:
    static std::string url(const std::string& scheme, const UniqueFd& port) {
        return scheme + "://127.0.0.1:" + std::to_string(portOf(port.get()));
    }

    std::string authority_;
    Certificate client_;
    TemporaryDirectory folder_;
    UniqueFd clients_;
    UniqueFd peers_;
    std::string user_;
    std::vector<std::string> command_;
    std::optional<Process> process_;
};

class EtcdTlsTest : public testing::Test {
  protected:
    std::vector<std::string> trusting(const std::string& caFile) const {
        return {"--ca-file", caFile, "--cert-file", mine.file, "--key-file", mine.key, "--timeout", "5s"};
    }
    Process::Options member(const SecureEtcd& etcd, const std::string& name,
                            const std::vector<std::string>& more = {}) const {
        std::vector<std::string> words = {"--ca-file", authority.file(), "--cert-file",
                                          mine.file,   "--key-file",     mine.key};
        words.insert(words.end(), {"--self", name, "--ttl", "6s", "--grace-period", "1s"});
        words.insert(words.end(), more.begin(), more.end());
        return run(etcd.engine("db"), words);
    }

    CertificateAuthority authority;
    Certificate good = authority.issue("/CN=etcd", "IP:127.0.0.1");
    // A common name would be taken for an etcd user's, which the gateway does not let in.
    Certificate mine = authority.issue("/O=leader", "");
};

TEST_F(EtcdTlsTest, MembersWithClientCertificatesElectAndFollow) {
    const SecureEtcd etcd(good, authority.file(), mine);
    Process a(member(etcd, "a"));
    ASSERT_TRUE(a.waitForOutput("started")) << a.errors();
    Process b(member(etcd, "b"));
    ASSERT_TRUE(b.waitForErrors("a leads")) << b.errors();
    a.signal(SIGTERM);
    EXPECT_TRUE(b.waitForOutput("started")) << b.errors();
}

TEST_F(EtcdTlsTest, WithoutACertificateTheServerRefuses) {
    const SecureEtcd etcd(good, authority.file(), mine);
    const auto ended = check(etcd.engine("db"), {"--ca-file", authority.file(), "--timeout", "5s"});
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "give --cert-file and --key-file|not accept the certificate"));
}

TEST_F(EtcdTlsTest, AnExpiredServerOrOneOfAnotherNameIsRefused) {
    for (const auto& [certificate, why] :
         {std::pair(authority.issue("/CN=old", "IP:127.0.0.1", -1), "CN=old has expired on"),
          std::pair(authority.issue("/CN=other", "DNS:other"),
                    "CN=other is not for this host but for DNS:other")}) {
        const SecureEtcd etcd(certificate, authority.file(), mine);
        const auto ended = check(etcd.engine("db"), trusting(authority.file()));
        EXPECT_EQ(3, ended.code);
        EXPECT_TRUE(oneLine(ended.errors, why));
    }
}

TEST_F(EtcdTlsTest, AUserWithAPasswordElectsAndGetsANewTokenWhenEtcdHasForgottenIt) {
    SecureEtcd etcd(good, authority.file(), mine);
    etcd.demandUsers();
    const TemporaryDirectory folder;
    writeFile(folder / "password", "a secret\n");
    const std::vector<std::string> asDb = {"--user", "db", "--password-file", folder / "password"};
    Process a(member(etcd, "a", asDb));
    ASSERT_TRUE(a.waitForOutput("started")) << a.errors();
    Process b(member(etcd, "b", asDb));
    ASSERT_TRUE(b.waitForErrors("a leads")) << b.errors();
    etcd.restart();
    a.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, a.exitCode());
    EXPECT_TRUE(b.waitForOutput("started", 20s)) << b.errors();

    for (const pid_t pid : descendants(b.pid()))
        EXPECT_EQ(std::string::npos, contentOf("/proc/" + std::to_string(pid) + "/environ").find("secret"));
    EXPECT_EQ(std::string::npos, (a.errors() + b.errors()).find("secret"));
}

TEST_F(EtcdTlsTest, AWrongPasswordAndAMissingUserAndAForbiddenNameAreNamed) {
    SecureEtcd etcd(good, authority.file(), mine);
    etcd.demandUsers();
    const TemporaryDirectory folder;
    writeFile(folder / "password", "guessed");
    auto words = trusting(authority.file());
    EXPECT_TRUE(oneLine(check(etcd.engine("db"), words).errors, "user name is empty|permission denied"));
    words.insert(words.end(), {"--user", "db", "--password-file", folder / "password"});
    EXPECT_TRUE(oneLine(check(etcd.engine("db"), words).errors,
                        "authentication failed, invalid user ID or password .--user db"));
    writeFile(folder / "password", "a secret");
    EXPECT_TRUE(oneLine(check(etcd.engine("other"), words).errors, "permission denied"));
    Process member(this->member(etcd, "a", {"--user", "db", "--password-file", folder / "password"}));
    EXPECT_TRUE(member.waitForOutput("started")) << member.errors();
}

TEST(EtcdUser, GoesWithAPasswordFileAndOnlyWithEtcd) {
    auto ended = check("etcd://127.0.0.1:1/db", {"--user", "db"});
    EXPECT_EQ(2, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "check: --user and --password-file go together"));
    ended = check("file:x", {"--user", "db", "--password-file", "x"});
    EXPECT_EQ(2, ended.code);
    EXPECT_TRUE(
        oneLine(ended.errors, "check: --user, --password-file: 'file:x' takes no user, leave them out"));
    ended = check("etcd://127.0.0.1:1/db", {"--token-file", "x"});
    EXPECT_EQ(2, ended.code);
    EXPECT_TRUE(
        oneLine(ended.errors, "check: --token-file: 'etcd://127.0.0.1:1/db' takes no token, leave it out"));
}

}  // namespace
}  // namespace leader::test
