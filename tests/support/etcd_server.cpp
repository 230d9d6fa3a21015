#include "tests/support/etcd_server.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "tests/support/eventually.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kAddress = "127.0.0.1";

std::pair<UniqueFd, std::uint16_t> reservePort() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, kAddress, &address.sin_addr);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd.get(), generic, size) != 0 || ::getsockname(fd.get(), generic, &size) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot reserve a port");
    return {std::move(fd), ntohs(address.sin_port)};
}

std::string http(std::uint16_t port) {
    return std::string("http://") + kAddress + ":" + std::to_string(port);
}

}  // namespace

EtcdServer::EtcdServer(Options options) : options_(options) {
    std::string folder = std::filesystem::temp_directory_path() / "leader-etcd-XXXXXX";
    if (!::mkdtemp(folder.data())) throw std::runtime_error("cannot make " + folder);
    folder_ = folder;
    for (int i = 0; i < options_.members; ++i) {
        Member member;
        member.name = "m" + std::to_string(i);
        std::tie(member.reservedForClients, member.clientPort) = reservePort();
        std::tie(member.reservedForPeers, member.peerPort) = reservePort();
        cluster_ += (i == 0 ? "" : ",") + member.name + "=" + http(member.peerPort);
        members_.push_back(std::move(member));
    }
    for (int i = 0; i < options_.members; ++i) start(i);
    if (!awaitHealthy()) throw std::runtime_error("etcd does not start: " + members_[0].process->errors());
}

EtcdServer::~EtcdServer() {
    members_.clear();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void EtcdServer::start(int index) {
    Member& member = members_.at(static_cast<std::size_t>(index));
    const auto heartbeat = std::max<std::chrono::milliseconds::rep>(options_.electionTimeout.count() / 10, 1);
    member.process = std::make_unique<Process>(
        Process::Options{.command = {"etcd",
                                     "--name",
                                     member.name,
                                     "--data-dir",
                                     folder_ / member.name,
                                     "--listen-client-urls",
                                     http(member.clientPort),
                                     "--advertise-client-urls",
                                     http(member.clientPort),
                                     "--listen-peer-urls",
                                     http(member.peerPort),
                                     "--initial-advertise-peer-urls",
                                     http(member.peerPort),
                                     "--initial-cluster",
                                     cluster_,
                                     "--initial-cluster-token",
                                     folder_.filename(),
                                     "--heartbeat-interval",
                                     std::to_string(heartbeat),
                                     "--election-timeout",
                                     std::to_string(options_.electionTimeout.count()),
                                     "--logger",
                                     "zap",
                                     "--log-level",
                                     "error"},
                         // Debian builds etcd for more machines than etcd itself is sure of.
                         .environment = {{"ETCD_UNSUPPORTED_ARCH", "arm64"}}});
}

void EtcdServer::signal(int index, int number) {
    Member& member = members_.at(static_cast<std::size_t>(index));
    member.process->signal(number);
    if (number == SIGKILL || number == SIGTERM) member.process->waitForExit();
}

void EtcdServer::wipe() {
    for (Member& member : members_) std::filesystem::remove_all(folder_ / member.name);
}

std::string EtcdServer::endpoint(int member) const {
    return std::string(kAddress) + ":" + std::to_string(port(member));
}

std::string EtcdServer::endpoints() const {
    std::string all;
    for (int i = 0; i < options_.members; ++i) all += (i == 0 ? "" : ",") + endpoint(i);
    return all;
}

std::string EtcdServer::url(const std::string& name) const {
    return "etcd://" + endpoints() + "/" + name;
}

std::string EtcdServer::get(int member, const std::string& path) const {
    try {
        Poco::Net::HTTPClientSession session(kAddress, port(member));
        session.setTimeout(Poco::Timespan(5, 0));
        Poco::Net::HTTPRequest request("GET", path, "HTTP/1.1");
        session.sendRequest(request);
        Poco::Net::HTTPResponse response;
        std::string body;
        Poco::StreamCopier::copyToString(session.receiveResponse(response), body);
        return body;
    } catch (const Poco::Exception&) {
        return "";
    }
}

bool EtcdServer::healthy(int member) const {
    return get(member, "/health").find("\"true\"") != std::string::npos;
}

bool EtcdServer::awaitHealthy(std::chrono::milliseconds base) const {
    return eventually(
        [&] {
            for (int i = 0; i < options_.members; ++i)
                if (!healthy(i)) return false;
            return true;
        },
        base);
}

std::vector<std::string> EtcdServer::ctlCommand(const std::vector<std::string>& words) const {
    std::vector<std::string> command = {"env", "ETCDCTL_API=3", "etcdctl", "--endpoints", endpoints()};
    command.insert(command.end(), words.begin(), words.end());
    return command;
}

std::string EtcdServer::ctl(const std::vector<std::string>& words) const {
    Process process({.command = ctlCommand(words)});
    process.closeInput();
    if (process.exitCode(30s) != 0)
        throw std::runtime_error("etcdctl " + words.at(0) + ": " + process.errors());
    return process.output();
}

std::vector<std::string> EtcdServer::keys(const std::string& prefix) const {
    std::istringstream lines(
        ctl({"get", "--prefix", "--keys-only", "--sort-by=CREATE", "--order=ASCEND", prefix}));
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) found.push_back(line);
    return found;
}

double EtcdServer::metric(int member, const std::string& name, const std::string& label) const {
    std::istringstream lines(get(member, "/metrics"));
    double sum = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind(name, 0) != 0 || line.find(label) == std::string::npos) continue;
        if (line[name.size()] != '{' && line[name.size()] != ' ') continue;
        sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
    }
    return sum;
}

}  // namespace leader::test
