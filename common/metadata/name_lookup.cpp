#include "common/metadata/name_lookup.h"

#include <Poco/Net/SocketAddress.h>
#include <netdb.h>

#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "common/base/signals_blocked.h"

namespace leader::metadata {
namespace {

Error failed(const std::string& name, int code, int systemError) {
    const std::string quoted = "'" + name + "'";
    switch (code) {
        case EAI_NONAME:
        case EAI_NODATA:
        case EAI_ADDRFAMILY:
            return Error{
                "the host name " + quoted +
                " could not be found; check it, /etc/hosts and the name servers in /etc/resolv.conf"};
        case EAI_AGAIN:
            return Error{"no name server has an answer for the host name " + quoted +
                         " now; check those in /etc/resolv.conf, or give an IP address"};
        case EAI_SYSTEM:
            return Error::fromErrno("the host name " + quoted + " could not be looked up", systemError);
        default:
            return Error{"the host name " + quoted + " could not be looked up: " + gai_strerror(code)};
    }
}

}  // namespace

struct NameLookups::Lookup {
    Interrupt done;
    /// With the State's mutex.
    std::optional<Result<Addresses>> result;
    Instant endedAt;
};

struct NameLookups::State {
    explicit State(Resolve how) : resolve(std::move(how)) {}

    const Resolve resolve;
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<Lookup>> lookups;
    std::size_t threads = 0;

    void dropWhatNobodyAsksFor() {
        for (auto it = lookups.begin(); it != lookups.end();) {
            const Lookup& lookup = *it->second;
            const bool old = lookup.result && Clock::system().now() >= lookup.endedAt + kKept;
            it = old ? lookups.erase(it) : std::next(it);
        }
    }
    void run(const std::string& name, Lookup& lookup) {
        auto result = resolve(name);
        const std::lock_guard lock(mutex);
        lookup.result = std::move(result);
        lookup.endedAt = Clock::system().now();
        --threads;
        lookup.done.raise();
    }
};

NameLookups::NameLookups(Resolve resolve) : state_(std::make_shared<State>(std::move(resolve))) {
}

// Called with the mutex. Null where there can be no further thread.
std::shared_ptr<NameLookups::Lookup> NameLookups::begin(const std::shared_ptr<State>& state,
                                                        const std::string& name) {
    state->dropWhatNobodyAsksFor();
    const auto known = state->lookups.find(name);
    if (known != state->lookups.end()) return known->second;
    if (state->threads >= kMostThreads) return nullptr;
    auto lookup = std::make_shared<Lookup>();
    try {
        // A signal is for the threads that know what to do about it.
        const AllSignalsBlocked blocked;
        std::thread([state, name, lookup] { state->run(name, *lookup); }).detach();
    } catch (const std::system_error&) {
        return nullptr;
    }
    ++state->threads;
    state->lookups[name] = lookup;
    return lookup;
}

Result<NameLookups::Addresses> NameLookups::find(const std::string& name, const Interrupt& interrupt,
                                                 Instant deadline) {
    std::unique_lock lock(state_->mutex);
    const auto lookup = begin(state_, name);
    if (!lookup)
        return Error{
            "the host name '" + name +
            "' could not be looked up: no thread can be started for it, or too many still wait for a "
            "name server"};
    lock.unlock();
    waitReadable(lookup->done.fd(), interrupt, deadline - Clock::system().now());
    lock.lock();
    if (lookup->result) {
        const auto entry = state_->lookups.find(name);
        if (entry != state_->lookups.end() && entry->second == lookup) state_->lookups.erase(entry);
        return *lookup->result;
    }
    if (interrupt.raised()) return Error{"interrupted"};
    return Error{"no name server has answered for the host name '" + name +
                 "' in time; check those in /etc/resolv.conf, or give an IP address"};
}

std::size_t NameLookups::threads() const {
    const std::lock_guard lock(state_->mutex);
    return state_->threads;
}

NameLookups& NameLookups::ofSystem() {
    // Never destroyed, as nothing that a thread left behind may still use.
    static auto& lookups = *new NameLookups(resolveBySystem);
    return lookups;
}

Result<NameLookups::Addresses> resolveBySystem(const std::string& name) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int code = getaddrinfo(name.c_str(), nullptr, &hints, &found);
    if (code != 0) return failed(name, code, errno);
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
    NameLookups::Addresses addresses;
    for (const addrinfo* info = found; info != nullptr; info = info->ai_next)
        if (info->ai_family == AF_INET || info->ai_family == AF_INET6)
            addresses.push_back(Poco::Net::SocketAddress(info->ai_addr, info->ai_addrlen).host());
    if (addresses.empty()) return failed(name, EAI_NONAME, 0);
    return addresses;
}

}  // namespace leader::metadata
