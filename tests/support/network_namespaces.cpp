#include "tests/support/network_namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "tests/support/process.h"
#include "tests/support/system_error.h"

namespace leader::test {
namespace {

void onThread(const std::function<void()>& what) {
    std::exception_ptr failure;
    std::thread([&] {
        try {
            what();
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure) std::rethrow_exception(failure);
}

UniqueFd newNamespace() {
    UniqueFd made;
    onThread([&] {
        if (::unshare(CLONE_NEWNET) != 0) fail("unshare(CLONE_NEWNET)");
        made.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        if (!made) fail("/proc/thread-self/ns/net");
    });
    return made;
}

void ip(int networkNamespace, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "ip");
    std::string text;
    for (const auto& each : arguments) text += each + " ";
    Process command({.command = std::move(arguments), .networkNamespace = networkNamespace});
    if (command.exitCode() != 0) throw std::runtime_error(text + ": " + command.errors());
}

std::string pathOf(const UniqueFd& fd) {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd.get());
}

}  // namespace

void insideNamespace(int networkNamespace, const std::function<void()>& what) {
    if (networkNamespace < 0) {
        what();
        return;
    }
    onThread([&] {
        if (::setns(networkNamespace, CLONE_NEWNET) != 0) fail("setns");
        what();
    });
}

std::optional<std::string> NetworkNamespaces::unavailable() {
    if (::geteuid() != 0) return "needs root, for network namespaces";
    try {
        ip(newNamespace().get(), {"link", "add", "probe", "type", "bridge"});
    } catch (const std::exception& error) {
        return std::string("no network namespaces here: ") + error.what();
    }
    return std::nullopt;
}

NetworkNamespaces::NetworkNamespaces(int members) : hub_(newNamespace()) {
    std::string directory = std::filesystem::temp_directory_path() / "leader-network-XXXXXX";
    if (!::mkdtemp(directory.data())) fail(directory);
    directory_ = directory;
    ip(hub(), {"link", "set", "lo", "up"});
    ip(hub(), {"link", "add", "bridge", "type", "bridge"});
    ip(hub(), {"address", "add", hubAddress_ + "/24", "dev", "bridge"});
    ip(hub(), {"address", "add", linkLocal_ + "/32", "dev", "bridge"});
    ip(hub(), {"link", "set", "bridge", "up"});
    for (int i = 0; i < members; ++i) addMember(i);
}

NetworkNamespaces::~NetworkNamespaces() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void NetworkNamespaces::addMember(int number) {
    Member member;
    member.networkNamespace = newNamespace();
    member.address = "10.79.0." + std::to_string(11 + number);
    member.hostsFile = directory_ / ("hosts-" + std::to_string(number));
    std::ofstream(member.hostsFile) << "127.0.0.1 localhost\n" << hubAddress_ << " rancher-metadata\n";

    const std::string port = "member" + std::to_string(number);
    const int inside = member.networkNamespace.get();
    ip(hub(), {"link", "add", port, "type", "veth", "peer", "name", "eth0", "netns",
               pathOf(member.networkNamespace)});
    ip(hub(), {"link", "set", port, "master", "bridge", "up"});
    ip(inside, {"link", "set", "lo", "up"});
    ip(inside, {"address", "add", member.address + "/24", "dev", "eth0"});
    ip(inside, {"link", "set", "eth0", "up"});
    ip(inside, {"route", "add", linkLocal_, "dev", "eth0"});
    members_.push_back(std::move(member));
}

void NetworkNamespaces::setLink(std::size_t index, bool up) const {
    ip(hub(), {"link", "set", "member" + std::to_string(index), up ? "up" : "down"});
}

}  // namespace leader::test
