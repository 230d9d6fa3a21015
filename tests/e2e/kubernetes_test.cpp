#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "tests/e2e/harness.h"
#include "tests/e2e/proxy_rig.h"
#include "tests/support/kubernetes_server.h"
#include "tests/support/tcp.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

const std::string kAccount = "system:serviceaccount:default:db";
const std::string kLooker = "system:serviceaccount:default:looker";

/// What the members need, and what those need who only look; as the README says.
const std::string kRoles = R"(
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: leader, namespace: default}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, watch, create, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: looker, namespace: default}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, watch]}
- {apiGroups: [""], resources: [pods], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: leader, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: leader}
subjects: [{kind: ServiceAccount, name: db, namespace: default}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: looker, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: looker}
subjects: [{kind: ServiceAccount, name: looker, namespace: default}]
)";

class KubernetesTest : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto reason = KubernetesServer::unavailable()) GTEST_SKIP() << *reason;
        server.emplace();
        server->apply(kRoles);
    }

    std::vector<std::string> access(const std::string& user) const {
        return {"--ca-file", server->caFile(), "--token-file", server->tokenFile(user)};
    }

    /// A member of the election on the Lease default/db.
    Process::Options member(const std::string& name, std::vector<std::string> more = {}) const {
        std::vector<std::string> words = access(kAccount);
        words.insert(words.end(), {"--self", name, "--ttl", "6s", "--grace-period", "1s"});
        words.insert(words.end(), more.begin(), more.end());
        return run(server->url("default", "db"), words);
    }

    std::string looksAsJson(const std::string& name) const {
        return looks("status", name, {"--json"}).output;
    }
    Ended looks(const std::string& applet, const std::string& name,
                const std::vector<std::string>& more = {}) const {
        std::vector<std::string> words = {applet, "--self", name};
        words.insert(words.end(), more.begin(), more.end());
        for (const auto& word : access(kLooker)) words.push_back(word);
        return runToEnd(leader(words, server->url("default", "db")));
    }

    std::string ofLease(const std::string& field) const { return server->ofLease("default", "db", field); }

    std::optional<KubernetesServer> server;
};

TEST_F(KubernetesTest, OneLeadsAndAnotherFollowsWhenItLeavesOrDies) {
    Process a(member("a", {"--self-address", "10.0.0.1"}));
    ASSERT_TRUE(a.waitForOutput("started 0")) << a.errors();
    EXPECT_EQ("a", ofLease(".spec.holderIdentity"));
    EXPECT_EQ("6", ofLease(".spec.leaseDurationSeconds"));
    EXPECT_EQ("0", ofLease(".spec.leaseTransitions"));
    EXPECT_EQ(1, countLines(ofLease(".spec.renewTime"), R"(^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$)"));
    Process b(member("b"));
    ASSERT_TRUE(b.waitForErrors("follower in default/db: a leads")) << b.errors();
    EXPECT_EQ(0, looks("check", "a").code);
    EXPECT_EQ(1, looks("check", "b").code);

    a.signal(SIGTERM);
    EXPECT_TRUE(b.waitForOutput("started 1", 3s)) << b.errors();
    EXPECT_EQ(128 + SIGTERM, a.exitCode());
    EXPECT_EQ("b", ofLease(".spec.holderIdentity"));

    Process c(member("c"));
    ASSERT_TRUE(c.waitForErrors("b leads")) << c.errors();
    b.signal(SIGKILL);
    EXPECT_TRUE(c.waitForOutput("started 2", 15s)) << c.errors();
    EXPECT_EQ(0, starts(a) - 1);
}

/// A number of the JSON that a status has printed; far below any where there is none.
double numberIn(const std::string& json, const std::string& field) {
    const auto at = json.find("\"" + field + "\":");
    return at == std::string::npos ? -1e9 : std::strtod(json.c_str() + at + field.size() + 3, nullptr);
}

TEST_F(KubernetesTest, StatusTellsTheHolderTheTransitionsAndTheAgeOfTheLease) {
    Process a(member("a", {"--self-address", "10.0.0.1"}));
    ASSERT_TRUE(a.waitForOutput("started 0")) << a.errors();
    const Ended table = looks("status", "b");
    EXPECT_EQ(0, table.code) << table.errors;
    EXPECT_EQ(1, countLines(table.output,
                            "^lease    held by a, 0 transitions, renewed [0-9]s ago, expires in "
                            "[0-9]s \\(by the holder's clock\\)$"))
        << table.output;
    const std::string json = looksAsJson("b");
    EXPECT_NE(std::string::npos,
              json.find(R"("lease":{"holder":"a","transitions":0,"duration_seconds":6,"renew_time":")"))
        << json;
    // It is renewed each third of its 6 s, where the machine is not busy.
    const double ago = numberIn(json, "renewed_seconds_ago");
    EXPECT_GE(ago, 0) << json;
    EXPECT_NEAR(6, ago + numberIn(json, "expires_in_seconds"), 0.002) << json;

    a.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, a.exitCode());
    const Ended released = looks("status", "b");
    EXPECT_EQ(3, released.code);
    EXPECT_EQ(1, countLines(released.output, "^lease    free, 0 transitions, written ")) << released.output;
    EXPECT_NE(std::string::npos, looksAsJson("b").find(R"("lease":{"holder":null,)"));
}

TEST_F(KubernetesTest, TheTokenIsInNoLogNoArgumentAndNoEnvironment) {
    std::ifstream file(server->tokenFile(kAccount));
    std::string token;
    ASSERT_TRUE(std::getline(file, token) && !token.empty());
    Process a(member("a", {"--log-level", "debug"}));
    ASSERT_TRUE(a.waitForOutput("started 0")) << a.errors();
    auto processes = descendants(a.pid());
    EXPECT_FALSE(processes.empty());
    processes.push_back(a.pid());
    for (const pid_t pid : processes) {
        for (const char* what : {"environ", "cmdline"}) {
            const std::string shown = contentOf("/proc/" + std::to_string(pid) + "/" + what);
            EXPECT_EQ(std::string::npos, shown.find(token)) << what;
        }
    }
    server->stop();
    ASSERT_TRUE(a.waitForErrors("cannot tell who leads")) << a.errors();
    EXPECT_EQ(std::string::npos, a.errors().find(token));
}

TEST_F(KubernetesTest, TheLeaseIsReleasedAsClientGoDoesIt) {
    Process a(member("a"));
    ASSERT_TRUE(a.waitForOutput("started"));
    a.signal(SIGTERM);
    EXPECT_EQ(128 + SIGTERM, a.exitCode());
    EXPECT_EQ("", ofLease(".spec.holderIdentity"));
    EXPECT_EQ("1", ofLease(".spec.leaseDurationSeconds"));
    EXPECT_EQ("0", ofLease(".spec.leaseTransitions"));
    EXPECT_EQ("", ofLease(".metadata.annotations"));
}

TEST_F(KubernetesTest, ClientGoWaitsWhileOursLeadsAndFollowsItInBothWays) {
    Process ours(member("ours"));
    ASSERT_TRUE(ours.waitForOutput("started 0"));
    Process peer(server->peer("default", "db", "theirs"));
    ASSERT_TRUE(peer.waitForErrors("new leader elected: ours")) << peer.errors();
    ours.signal(SIGTERM);
    ASSERT_TRUE(peer.waitForErrors("successfully acquired lease default/db")) << peer.errors();
    EXPECT_EQ("theirs", ofLease(".spec.holderIdentity"));
    EXPECT_EQ("1", ofLease(".spec.leaseTransitions"));
    EXPECT_EQ(1, looks("check", "ours").code);

    Process again(member("again"));
    ASSERT_TRUE(again.waitForErrors("theirs leads")) << again.errors();
    peer.signal(SIGTERM);
    EXPECT_TRUE(again.waitForOutput("started 2", 3s)) << again.errors();

    Process second(server->peer("default", "db", "second"));
    ASSERT_TRUE(second.waitForErrors("new leader elected: again"));
    again.signal(SIGKILL);
    ASSERT_TRUE(second.waitForErrors("successfully acquired lease", 20s)) << second.errors();
    Process last(member("last"));
    ASSERT_TRUE(last.waitForErrors("second leads")) << last.errors();
    second.signal(SIGKILL);
    EXPECT_TRUE(last.waitForOutput("started 4", 20s)) << last.errors();
}

TEST_F(KubernetesTest, ARestartedMemberOfTheSameNameWaitsForItsPredecessorsLease) {
    Process first(member("pod-1"));
    ASSERT_TRUE(first.waitForOutput("started 0"));
    const auto start = std::chrono::steady_clock::now();
    Process second(member("pod-1"));
    ASSERT_TRUE(second.waitForErrors("follower in default/db: pod-1 leads")) << second.errors();
    first.signal(SIGKILL);
    EXPECT_TRUE(second.waitForOutput("started 1", 15s));
    EXPECT_GT(std::chrono::steady_clock::now() - start, 4s);
}

TEST_F(KubernetesTest, ALeaderWhoseLeaseIsTakenOrDeletedStandsDown) {
    Process a(member("a"));
    ASSERT_TRUE(a.waitForOutput("started 0"));
    server->kubectl(
        {"patch", "lease", "db", "--type=merge", "-p", R"({"spec":{"holderIdentity":"operator"}})"});
    ASSERT_TRUE(a.waitForErrors("operator leads")) << a.errors();
    ASSERT_TRUE(a.waitForOutput("started 1", 15s)) << "an operator renews nothing: " << a.errors();
    server->kubectl({"delete", "lease", "db"});
    ASSERT_TRUE(a.waitForOutput("started 2", 20s)) << a.errors();
    EXPECT_EQ("2", ofLease(".spec.leaseTransitions"));
}

TEST_F(KubernetesTest, WhatTheRoleLacksIsNamed) {
    std::vector<std::string> words = {"--ca-file",      server->caFile(),
                                      "--token-file",   server->tokenFile(kLooker),
                                      "--ttl",          "6s",
                                      "--grace-period", "1s"};
    Process mayNotCreate(run(server->url("default", "db"), words));
    EXPECT_TRUE(
        mayNotCreate.waitForErrors("403: a Role in the namespace default has to allow the verb 'create' on "
                                   "leases of coordination.k8s.io"))
        << mayNotCreate.errors();
    words[3] = server->tokenFile("nobody");
    Process mayNotGet(run(server->url("default", "db"), words));
    EXPECT_TRUE(mayNotGet.waitForErrors("403: .* verb 'get' on leases")) << mayNotGet.errors();
    words[3] = server->tokenFile("admin");
    Process nowhere(run(server->url("nowhere", "db"), words));
    EXPECT_TRUE(nowhere.waitForErrors("404: there is no namespace nowhere")) << nowhere.errors();
    const TemporaryDirectory directory;
    writeFile(directory / "token", "wrong\n");
    words[3] = directory / "token";
    Process stranger(run(server->url("default", "db"), words));
    EXPECT_TRUE(
        stranger.waitForErrors("401: the API server does not know who asks: the token in .* is not accepted"))
        << stranger.errors();
}

TEST_F(KubernetesTest, ALeaderStandsDownBeforeAnOutageIsLongerThanItsLeaseAndLeadsAgainAfterIt) {
    Process a(member("a"));
    ASSERT_TRUE(a.waitForOutput("started 0"));
    server->stop();
    ASSERT_TRUE(a.waitForErrors("cannot tell who leads, trying again")) << a.errors();
    ASSERT_TRUE(a.waitForErrors("standing down.*lease", 15s)) << a.errors();
    server->start();
    EXPECT_TRUE(a.waitForOutput("started[^]*started", 20s)) << a.errors();
    EXPECT_EQ(1, countLines(a.errors(), "cannot tell who leads")) << a.errors();
}

/// The manifest in README.md.
std::string manifest() {
    std::ifstream readme(LEADER_SOURCE_DIR "/README.md");
    std::string text;
    for (std::string line; std::getline(readme, line);) {
        const bool code = line.rfind("    ", 0) == 0;
        if (!text.empty() && !code) break;
        if (code && (!text.empty() || line == "    apiVersion: v1")) text += line.substr(4) + "\n";
    }
    return text;
}

TEST_F(KubernetesTest, TheReadmesManifestIsAcceptedAndItsRoleIsAllThatAPodNeeds) {
    const std::string said = server->apply(manifest(), {"--dry-run=server"});
    for (const char* created :
         {"serviceaccount/redis created", "role.rbac.authorization.k8s.io/redis-leader created",
          "rolebinding.rbac.authorization.k8s.io/redis-leader created", "service/redis created",
          "deployment.apps/redis created"})
        EXPECT_NE(std::string::npos, said.find(created)) << said;
    server->apply(manifest());

    // As in a pod: the service account's files are where they are there, in a mount namespace of its own.
    const std::string account = "/run/secrets/kubernetes.io/serviceaccount";
    const std::string token = server->tokenFile("system:serviceaccount:default:redis");
    const std::string script =
        "set -e; ca=$(cat " + server->caFile() + "); token=$(cat " + token +
        "); mount -t tmpfs none /run; mkdir -p " + account + "; cd " + account +
        "; echo \"$ca\" >ca.crt; echo \"$token\" >token; printf default >namespace; exec \"$@\"";
    Process::Options pod = run("kubernetes:redis", {"--ttl", "6s", "--grace-period", "1s"});
    std::vector<std::string> command = {"unshare", "--mount"};
    if (::geteuid() != 0) command.emplace_back("--map-root-user");
    command.insert(command.end(), {"sh", "-c", script, "sh"});
    pod.command.insert(pod.command.begin(), command.begin(), command.end());
    pod.environment = {{"KUBERNETES_SERVICE_HOST", "127.0.0.1"},
                       {"KUBERNETES_SERVICE_PORT", std::to_string(server->port())},
                       {"POD_NAME", "redis-0"},
                       {"POD_IP", "10.9.8.7"}};
    Process member(pod);
    ASSERT_TRUE(member.waitForOutput("started 0")) << member.errors();
    EXPECT_EQ("redis-0", server->ofLease("default", "redis", ".spec.holderIdentity"));
    EXPECT_NE(std::string::npos,
              server->ofLease("default", "redis", ".metadata.annotations").find("10.9.8.7"));
    pod.environment["POD_NAME"] = "redis-1";
    Process second(pod);
    ASSERT_TRUE(second.waitForErrors("redis-0 leads")) << second.errors();
    member.signal(SIGTERM);
    EXPECT_TRUE(second.waitForOutput("started 1", 3s)) << second.errors();
}

TEST_F(KubernetesTest, AClientCertificateSaysWhoAsks) {
    const auto mine = server->authority().issue("/CN=system:serviceaccount:default:db", "");
    const auto old = server->authority().issue("/CN=system:serviceaccount:default:db", "", -1);
    const auto words = [&](const Certificate& certificate) -> std::vector<std::string> {
        return {"--ca-file",      server->caFile(),
                "--cert-file",    certificate.file,
                "--key-file",     certificate.key,
                "--self",         "a",
                "--ttl",          "6s",
                "--grace-period", "1s"};
    };
    Process a(run(server->url("default", "db"), words(mine)));
    EXPECT_TRUE(a.waitForOutput("started 0")) << a.errors();
    Process b(run(server->url("default", "db"), words(old)));
    EXPECT_TRUE(b.waitForErrors("401: .*the certificate of --cert-file is not accepted")) << b.errors();
}

TEST_F(KubernetesTest, AServerThatDoesNotProveItselfIsNotSpokenTo) {
    CertificateAuthority stranger("A Stranger");
    auto words = access(kAccount);
    words[1] = stranger.file();
    words.insert(words.end(), {"--timeout", "5s"});
    const auto ended = check(server->url("default", "db"), words);
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "CN=kube-apiserver is issued by CN=Test CA, whom nothing here trusts"));
}

TEST_F(KubernetesTest, AProxyForwardsToAClientGoHoldersPod) {
    const UniqueFd listener = listenOn("127.0.0.1");
    server->apply(R"(
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: default}
---
apiVersion: v1
kind: Pod
metadata: {name: pod-1, namespace: default}
spec: {automountServiceAccountToken: false, containers: [{name: c, image: i}]}
)");
    // No kubelet here gives it an address.
    server->patchStatus("pods", "pod-1", R"({"status":{"podIP":"127.0.0.1","podIPs":[{"ip":"127.0.0.1"}]}})");
    Process peer(server->peer("default", "db", "pod-1"));
    ASSERT_TRUE(peer.waitForErrors("successfully acquired lease")) << peer.errors();
    std::vector<std::string> words = {"proxy"};
    for (const auto& word : access(kLooker)) words.push_back(word);
    words.insert(words.end(),
                 {"--proxy-bind", "127.0.0.1",
                  std::to_string(freePort("127.0.0.1")) + ":" + std::to_string(portOf(listener.get()))});
    Process proxy(leader(words, server->url("default", "db")));
    EXPECT_TRUE(proxy.waitForErrors("forwarding to pod-1 at 127.0.0.1")) << proxy.errors();
    const std::string json = looksAsJson("somebody");
    EXPECT_NE(std::string::npos,
              json.find(R"("leader":{"name":"pod-1","uuid":"pod-1","address":"127.0.0.1")"))
        << json;
}

}  // namespace
}  // namespace leader::test
