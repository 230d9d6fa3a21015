#include "common/election/engines.h"

#include <array>

#include "common/election/file_engine.h"
#include "common/election/rancher_engine.h"

namespace leader {
namespace {

using Made = Result<std::unique_ptr<Engine>>;

struct Row {
    const char* scheme;
    Made (*make)(const EngineOptions& options, const Interrupt& interrupt);
};

constexpr std::array kEngines = {
    Row{"http:", makeRancherEngine},
    Row{"file:", makeFileEngine},
};

}  // namespace

Made makeEngine(const EngineOptions& options, const Interrupt& interrupt) {
    std::string known;
    for (const Row& row : kEngines) {
        if (options.url.rfind(row.scheme, 0) == 0) return row.make(options, interrupt);
        known += (known.empty() ? "" : ", ") + std::string(row.scheme);
    }
    return Error{"'" + options.url + "' starts with none of " + known};
}

}  // namespace leader
