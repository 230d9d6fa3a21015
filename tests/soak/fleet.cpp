#include "tests/soak/fleet.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "tests/support/tcp.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLogTail = 2000;
/// Containers of other services, which the members have to tell from their own.
constexpr int kCrowd = 50;
// A command that ignores TERM has to be killed sometimes, too; the service does not.
constexpr const char* kGracePeriod = "3s";

}  // namespace

Fleet::Fleet() : members_(kMembers) {
    // Finds the orphans of members that were killed.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    httpPort_ = freePort(address(0));
    bulkPort_ = freePort(address(0));
    statusPort_ = freePort(address(0));
    for (int i = 0; i < kMembers; ++i) makeLast(i);
    startServers();
    startProxy();
    for (int i = 0; i < kMembers; ++i) start(i);
}

Fleet::~Fleet() {
    for (int i = 0; i < kMembers; ++i)
        if (running(i)) kill(i);
}

/// A network of this process's own.
std::string Fleet::address(std::size_t process) const {
    const auto pid = static_cast<unsigned>(::getpid());
    return "127." + std::to_string(100 + process) + "." + std::to_string((pid >> 8) & 0xff) + "." +
           std::to_string(pid & 0xff);
}

void Fleet::startServers() {
    // The second member is told who it is, as with host networking, and is served by an old server.
    for (std::size_t i = 0; i <= kProxy; ++i) {
        MetadataServer::Options options;
        if (i != 1) options.seenAs = address(i);
        servers_.push_back(std::make_unique<MetadataServer>(answers(), options));
    }
}

void Fleet::startProxy() {
    const auto port = [](std::uint16_t number) {
        return std::to_string(number) + ":" + std::to_string(number);
    };
    proxy_ = std::make_unique<Process>(
        leader({"proxy", "--service", "web/app", "--proxy-bind", address(kProxy), "--status-address",
                address(kProxy) + ":" + std::to_string(statusPort_), port(httpPort_), port(bulkPort_)},
               servers_[kProxy]->url()));
}

void Fleet::start(int member) {
    Member& each = at(member);
    if (each.process) each.earlierLog = each.process->errors();
    each.process.reset();
    const auto number = static_cast<std::size_t>(member);
    const std::string own = address(number);
    std::vector<std::string> options = {"--proxy-bind",     own,
                                        "--proxy-tcp-port", std::to_string(httpPort_),
                                        "--proxy-tcp-port", std::to_string(bulkPort_),
                                        "--grace-period",   kGracePeriod,
                                        "--status-address", own + ":" + std::to_string(statusPort_)};
    if (number == 1) options.insert(options.end(), {"--self", nameOf(member)});
    const auto command =
        run(servers_[number]->url(number == 1 ? Environment::kOldest : ""), options,
            {SOAK_SERVICE, folder_ / "", std::to_string(httpPort_), std::to_string(bulkPort_)});
    each.process = std::make_unique<Process>(command);
}

void Fleet::kill(int member) {
    Process& leader = process(member);
    // Who cannot run cannot start anything else while it is being killed.
    leader.signal(SIGSTOP);
    const auto all = descendants(leader.pid());
    leader.signal(SIGKILL);
    for (const pid_t pid : all) ::kill(pid, SIGKILL);
    leader.waitForExit();
    for (const pid_t pid : all) ::waitpid(pid, nullptr, 0);
}

std::vector<std::string> Fleet::endOrphans(const std::vector<pid_t>& notThese) {
    std::set<pid_t> known(notThese.begin(), notThese.end());
    known.insert(proxy_->pid());
    for (const Member& each : members_)
        if (each.process) known.insert(each.process->pid());
    std::vector<std::string> found;
    for (const pid_t pid : childrenOf(::getpid())) {
        if (known.count(pid) > 0) continue;
        found.push_back(nameOf(pid) + " " + std::to_string(pid));
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    return found;
}

Answers Fleet::answers() const {
    Environment environment;
    for (int i = 0; i < kMembers; ++i) {
        Container container = Container::number(i + 1);
        container.address = address(static_cast<std::size_t>(i));
        container.createIndex = at(i).index;
        container.state = at(i).state;
        environment.add(container);
    }
    environment.addCrowd(kCrowd);
    environment.hostForStrangers();
    return environment.answers();
}

void Fleet::publish() {
    lastExpected_[expected_] = Clock::now();
    const auto rank = [](const Member& member) { return std::pair(member.state != "running", member.index); };
    const auto first = std::min_element(members_.begin(), members_.end(),
                                        [&](const Member& a, const Member& b) { return rank(a) < rank(b); });
    expected_ = static_cast<int>(first - members_.begin());
    for (auto& server : servers_) server->reload(answers());
}

int Fleet::expected() const {
    return expected_;
}

std::optional<Fleet::Clock::time_point> Fleet::lastExpected(int member) const {
    if (member == expected_) return Clock::now();
    const auto found = lastExpected_.find(member);
    if (found == lastExpected_.end()) return {};
    return found->second;
}

std::set<int> Fleet::commands() const {
    std::set<int> found;
    for (int i = 0; i < kMembers; ++i) {
        const UniqueFd file(::open((folder_ / (nameOf(i) + ".lock")).c_str(), O_RDONLY | O_CLOEXEC));
        struct flock lock {};
        lock.l_type = F_WRLCK;
        if (file && ::fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) found.insert(i);
    }
    return found;
}

pid_t Fleet::commandOf(int member) const {
    pid_t pid = 0;
    std::ifstream(folder_ / (nameOf(member) + ".pid")) >> pid;
    return pid;
}

std::string Fleet::violations() const {
    return contentOf(folder_ / "violations");
}

std::vector<Footprint> Fleet::footprints() {
    std::vector<Footprint> found;
    const auto add = [&](const std::string& name, pid_t pid) {
        if (auto footprint = footprintOf(name, pid)) found.push_back(std::move(*footprint));
    };
    for (int i = 0; i < kMembers; ++i) add(nameOf(i), process(i).pid());
    add("proxy", proxy_->pid());
    return found;
}

std::optional<double> Fleet::metric(std::size_t process, const std::string& name) const {
    try {
        Poco::Net::HTTPClientSession session(address(process), statusPort_);
        session.setTimeout(Poco::Timespan(2, 0));
        Poco::Net::HTTPRequest request("GET", "/metrics", "HTTP/1.1");
        session.sendRequest(request);
        Poco::Net::HTTPResponse response;
        std::istream& body = session.receiveResponse(response);
        for (std::string line; std::getline(body, line);)
            if (line.rfind(name + " ", 0) == 0) return std::stod(line.substr(name.size() + 1));
    } catch (const Poco::Exception&) {
        // It is not there now, or stopped; who needs the number asks again.
    }
    return {};
}

std::string Fleet::logs() {
    std::string all;
    const auto add = [&](const std::string& name, std::string log) {
        if (log.size() > kLogTail) log.erase(0, log.size() - kLogTail);
        all += "--- " + name + "\n" + log;
    };
    for (int i = 0; i < kMembers; ++i) add(nameOf(i), at(i).earlierLog + process(i).errors());
    add("proxy", proxy_->errors());
    return all;
}

}  // namespace leader::test
