#include "common/election/engines.h"

#include <algorithm>
#include <array>

#include "common/election/etcd_engine.h"
#include "common/election/file_engine.h"
#include "common/election/rancher_engine.h"
#include "common/metadata/tls_functions.h"

namespace leader {
namespace {

using Made = Result<std::unique_ptr<Engine>>;

struct Row {
    const char* scheme;
    bool lease;
    bool tls;
    Made (*make)(const EngineOptions& options, const Interrupt& interrupt);
};

constexpr std::array kEngines = {
    Row{"http:", false, false, makeRancherEngine},
    Row{"https:", false, true, makeRancherEngine},
    Row{"file:", false, false, makeFileEngine},
    Row{"etcd:", true, false, makeEtcdEngine},
    Row{"etcds:", true, true, makeEtcdEngine},
};

std::optional<Error> checkTls(const EngineOptions& options, const Row& row) {
    if (!row.tls && !options.tls.empty())
        return Error{"'" + options.url + "' is without TLS, leave --ca-file, --cert-file and --key-file out"};
    if (!row.tls) return {};
    const auto tls = metadata::tlsFunctions();
    if (!tls) return tls.error();
    return (*tls)->check(options.tls);
}

bool names(const std::string& url, const Row& row) {
    return url.rfind(row.scheme, 0) == 0;
}

}  // namespace

Made makeEngine(const EngineOptions& options, const Interrupt& interrupt) {
    std::string known;
    for (const Row& row : kEngines) {
        if (names(options.url, row)) {
            if (const auto error = checkTls(options, row)) return *error;
            return row.make(options, interrupt);
        }
        known += (known.empty() ? "" : ", ") + std::string(row.scheme);
    }
    return Error{"'" + options.url + "' starts with none of " + known};
}

bool holdsLease(const std::string& url) {
    return std::any_of(kEngines.begin(), kEngines.end(),
                       [&](const Row& row) { return row.lease && names(url, row); });
}

}  // namespace leader
