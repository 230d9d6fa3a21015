#include "common/election/engines.h"

#include <algorithm>
#include <array>

#include "common/cli/duration.h"
#include "common/election/etcd_engine.h"
#include "common/election/file_engine.h"
#include "common/election/kubernetes_engine.h"
#include "common/election/rancher_engine.h"
#include "common/metadata/tls_functions.h"
#include "common/metadata/url_scheme.h"

namespace leader {
namespace {

using Made = Result<std::unique_ptr<Engine>>;

/// What an engine has and takes beside its URL.
enum Feature : unsigned { kNone = 0, kLease = 1, kTls = 2, kToken = 4, kUser = 8 };

struct Row {
    const char* scheme;
    unsigned features;
    Made (*make)(const EngineOptions& options, const Interrupt& interrupt);

    bool has(Feature feature) const { return (features & feature) != 0; }
};

constexpr std::array kEngines = {
    Row{"http:", kNone, makeRancherEngine},
    Row{"https:", kTls, makeRancherEngine},
    Row{"file:", kNone, makeFileEngine},
    Row{"etcd:", kLease | kUser, makeEtcdEngine},
    Row{"etcds:", kLease | kTls | kUser, makeEtcdEngine},
    Row{"kubernetes:", kLease | kTls | kToken, makeKubernetesEngine},
};

std::optional<Error> checkFiles(const EngineOptions& options, const Row& row) {
    if (!row.has(kToken) && !options.tokenFile.empty())
        return Error{"--token-file: '" + options.url + "' takes no token, leave it out"};
    if (!row.has(kUser) && !(options.user + options.passwordFile).empty())
        return Error{"--user, --password-file: '" + options.url + "' takes no user, leave them out"};
    if (options.user.empty() != options.passwordFile.empty())
        return Error{"--user and --password-file go together"};
    if (!row.has(kTls) && !options.tls.empty())
        return Error{"--ca-file, --cert-file, --key-file: '" + options.url +
                     "' is without TLS, leave them out"};
    if (!row.has(kTls)) return {};
    const auto tls = metadata::tlsFunctions();
    if (!tls) return tls.error();
    return (*tls)->check(options.tls);
}

std::optional<Error> checkLeased(const EngineOptions& options, const Row& row) {
    if (!row.has(kLease)) return {};
    if (!options.service.empty())
        return Error{"--service: '" + options.url + "' names its election itself, leave it out"};
    if (options.candidate && options.ttl % std::chrono::seconds(1) != Duration::zero())
        return Error{"--ttl: '" + cli::formatDuration(options.ttl) +
                     "' is not in whole seconds, by which leases are counted"};
    return {};
}

bool names(const std::string& url, const Row& row) {
    return metadata::hasScheme(url, row.scheme);
}

}  // namespace

Duration EngineOptions::attempt() const {
    constexpr Duration kShortest = std::chrono::milliseconds(500);
    constexpr Duration kLongest = std::chrono::seconds(5);
    return candidate ? std::clamp(ttl / 6, kShortest, kLongest) : kLongest;
}

Made makeEngine(const EngineOptions& options, const Interrupt& interrupt) {
    std::string known;
    for (const Row& row : kEngines) {
        if (names(options.url, row)) {
            if (const auto error = checkFiles(options, row)) return *error;
            if (const auto error = checkLeased(options, row)) return *error;
            auto made = row.make(options, interrupt);
            if (!made) return Error{"--engine: " + made.error().message};
            return made;
        }
        known += (known.empty() ? "" : ", ") + std::string(row.scheme);
    }
    return Error{"--engine: '" + options.url + "' starts with none of " + known};
}

bool holdsLease(const std::string& url) {
    return std::any_of(kEngines.begin(), kEngines.end(),
                       [&](const Row& row) { return row.has(kLease) && names(url, row); });
}

}  // namespace leader
