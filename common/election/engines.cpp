#include "common/election/engines.h"

#include <algorithm>
#include <array>

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
        return Error{"'" + options.url + "' takes no token, leave --token-file out"};
    if (!row.has(kUser) && !(options.user + options.passwordFile).empty())
        return Error{"'" + options.url + "' takes no user, leave --user and --password-file out"};
    if (options.user.empty() != options.passwordFile.empty())
        return Error{"--user and --password-file go together"};
    if (!row.has(kTls) && !options.tls.empty())
        return Error{"'" + options.url + "' is without TLS, leave --ca-file, --cert-file and --key-file out"};
    if (!row.has(kTls)) return {};
    const auto tls = metadata::tlsFunctions();
    if (!tls) return tls.error();
    return (*tls)->check(options.tls);
}

bool names(const std::string& url, const Row& row) {
    return metadata::hasScheme(url, row.scheme);
}

}  // namespace

Made makeEngine(const EngineOptions& options, const Interrupt& interrupt) {
    std::string known;
    for (const Row& row : kEngines) {
        if (names(options.url, row)) {
            if (const auto error = checkFiles(options, row)) return *error;
            return row.make(options, interrupt);
        }
        known += (known.empty() ? "" : ", ") + std::string(row.scheme);
    }
    return Error{"'" + options.url + "' starts with none of " + known};
}

bool holdsLease(const std::string& url) {
    return std::any_of(kEngines.begin(), kEngines.end(),
                       [&](const Row& row) { return row.has(kLease) && names(url, row); });
}

}  // namespace leader
