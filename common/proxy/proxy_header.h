#pragma once

#include <string>

#include "common/proxy/proxy_options.h"

namespace leader {

/// The PROXY protocol header for the connection accepted as `client`: its two addresses as they are on this
/// host, mapped IPv4 addresses as IPv4; UNKNOWN (v1) or LOCAL (v2) where they cannot be told any more.
/// Empty for SendProxy::kOff.
std::string proxyHeader(SendProxy version, int client);

}  // namespace leader
