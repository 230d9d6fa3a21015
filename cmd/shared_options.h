#pragma once

#include "cmd/applet.h"
#include "common/base/log.h"
#include "common/election/engines.h"

namespace leader {

/// What every applet can be told: where the election is and how to log.
struct SharedOptions {
    EngineOptions engine;
    bool healthyOnly = false;
    log::Level logLevel = log::Level::kInfo;
    log::Format logFormat = log::Format::kText;

    /// The options that set this; it must outlive them.
    cli::Options options();
};

/// `--service`, for the applets that may look at a service of others.
cli::Option serviceOption(SharedOptions& shared);

/// `--timeout`, for the applets that answer once.
cli::Option timeoutOption(Duration& timeout);
inline constexpr Duration kDefaultTimeout = std::chrono::seconds(30);

}  // namespace leader
