#include "tests/support/kubernetes_server.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/support/eventually.h"
#include "tests/support/tcp.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

std::string built(const std::string& program) {
    if (const char* given = std::getenv("LEADER_KUBERNETES")) return std::string(given) + "/" + program;
    const char* cache = std::getenv("XDG_CACHE_HOME");
    const char* home = std::getenv("HOME");
    const std::string base =
        cache != nullptr ? cache : (home != nullptr ? home : "") + std::string("/.cache");
    return base + "/leader/kubernetes/" + program;
}

void write(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace

const std::vector<std::string> KubernetesServer::kUsers = {"admin", "system:serviceaccount:default:db",
                                                           "system:serviceaccount:default:looker",
                                                           "system:serviceaccount:default:redis", "nobody"};

std::optional<std::string> KubernetesServer::unavailable() {
    if (std::filesystem::exists(built("kube-apiserver"))) return {};
    return "there is no " + built("kube-apiserver") + ": scripts/kube-apiserver builds it";
}

KubernetesServer::KubernetesServer() {
    std::string folder = std::filesystem::temp_directory_path() / "leader-kubernetes-XXXXXX";
    if (!::mkdtemp(folder.data())) throw std::runtime_error("cannot make " + folder);
    folder_ = folder;
    std::string tokens;
    for (const std::string& user : kUsers) {
        const std::string token = "secret-of-" + std::to_string(tokens_.size());
        tokens_[user] = token;
        tokens += token + "," + user + "," + user + (user == "admin" ? ",system:masters" : "") + "\n";
        write(tokenFile(user), token + "\n");
    }
    write(file("tokens"), tokens);
    write(file("kubeconfig"), "");
    // A bound socket that does not listen keeps the port while the server is down.
    const Loopback any("127.0.0.1", 0);
    reserved_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(reserved_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(reserved_.get(), any.get(), any.size) != 0) throw std::runtime_error("cannot reserve a port");
    port_ = portOf(reserved_.get());
    write(file("kubeconfig"),
          "apiVersion: v1\nkind: Config\ncurrent-context: it\n"
          "clusters: [{name: it, cluster: {server: 'https://127.0.0.1:" +
              std::to_string(port_) + "', certificate-authority: '" + caFile() +
              "'}}]\n"
              "users: [{name: it, user: {token: '" +
              tokens_["admin"] +
              "'}}]\n"
              "contexts: [{name: it, context: {cluster: it, user: it, namespace: default}}]\n");
    start();
}

KubernetesServer::~KubernetesServer() {
    process_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string KubernetesServer::url(const std::string& namespaceName, const std::string& name) const {
    return "kubernetes://127.0.0.1:" + std::to_string(port_) + "/" + namespaceName + "/" + name;
}

std::string KubernetesServer::tokenFile(const std::string& user) const {
    return file("token-of-" + user);
}

void KubernetesServer::launch() {
    const auto serving = authority_.issue("/CN=kube-apiserver", "IP:127.0.0.1,DNS:localhost");
    const auto accounts = authority_.issue("/CN=accounts", "");
    process_ = std::make_unique<Process>(Process::Options{
        .command = {built("kube-apiserver"), "--etcd-servers=http://" + etcd_.endpoint(0),
                    "--bind-address=127.0.0.1", "--secure-port=" + std::to_string(port_),
                    "--tls-cert-file=" + serving.file, "--tls-private-key-file=" + serving.key,
                    "--cert-dir=" + file("certificates"), "--client-ca-file=" + caFile(),
                    "--token-auth-file=" + file("tokens"), "--authorization-mode=RBAC",
                    "--service-account-issuer=https://kubernetes.default.svc",
                    "--service-account-signing-key-file=" + accounts.key,
                    "--service-account-key-file=" + accounts.file, "--service-cluster-ip-range=10.0.0.0/24",
                    "--advertise-address=10.255.255.1"}});
}

bool KubernetesServer::ready() const {
    if (!process_->running()) return false;
    Process asking({.command = kubectlCommand({"get", "--raw", "/readyz"})});
    return asking.exitCode() == 0 && asking.output() == "ok";
}

void KubernetesServer::start() {
    launch();
    if (!eventually([&] { return ready() || !process_->running(); }, 60s) || !process_->running())
        throw std::runtime_error("kube-apiserver does not start: " + process_->errors());
}

void KubernetesServer::stop() {
    process_->signal(SIGKILL);
    process_->waitForExit();
}

std::vector<std::string> KubernetesServer::kubectlCommand(const std::vector<std::string>& words) const {
    std::vector<std::string> command = {built("kubectl"), "--kubeconfig", file("kubeconfig"), "--cache-dir",
                                        file("kubectl-cache")};
    command.insert(command.end(), words.begin(), words.end());
    return command;
}

std::string KubernetesServer::kubectl(const std::vector<std::string>& words) const {
    Process process({.command = kubectlCommand(words)});
    process.closeInput();
    if (process.exitCode(30s) != 0) throw std::runtime_error("kubectl: " + process.errors());
    return process.output();
}

std::string KubernetesServer::apply(const std::string& manifest,
                                    const std::vector<std::string>& words) const {
    write(file("manifest.yaml"), manifest);
    std::vector<std::string> all = {"apply", "-f", file("manifest.yaml")};
    all.insert(all.end(), words.begin(), words.end());
    return kubectl(all);
}

std::string KubernetesServer::ofLease(const std::string& namespaceName, const std::string& name,
                                      const std::string& field) const {
    return kubectl({"--namespace", namespaceName, "get", "lease", name, "--ignore-not-found", "-o",
                    "jsonpath={" + field + "}"});
}

void KubernetesServer::patchStatus(const std::string& resource, const std::string& name,
                                   const std::string& patch) const {
    // kubectl of this version patches no status.
    const std::string path = "/api/v1/namespaces/default/" + resource + "/" + name + "/status";
    Process curl({.command = {"curl", "-sS", "--http1.1", "--fail", "--cacert", caFile(), "-H",
                              "Authorization: Bearer " + tokens_.at("admin"), "-X", "PATCH", "-H",
                              "Content-Type: application/merge-patch+json", "-d", patch,
                              "https://127.0.0.1:" + std::to_string(port_) + path}});
    if (curl.exitCode() != 0) throw std::runtime_error("curl: " + curl.errors() + process_->errors());
}

Process::Options KubernetesServer::peer(const std::string& namespaceName, const std::string& name,
                                        const std::string& id) const {
    return {.command = {built("leader-election"), "--kubeconfig", file("kubeconfig"), "--id", id,
                        "--lease-lock-name", name, "--lease-lock-namespace", namespaceName}};
}

}  // namespace leader::test
