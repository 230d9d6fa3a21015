#pragma once

#include "common/cli/options.h"
#include "common/election/rule.h"
#include "common/proxy/proxy.h"

/// What `run` and `proxy` have in common.
namespace leader {

/// The options of both but the ports; `target` must outlive them.
cli::Options proxyOptions(ProxyOptions& target);

/// `--proxy-tcp-port`, of `run` only: `proxy` takes its ports as words.
cli::Option proxyPortOption(std::vector<PortMapping>& ports);

/// Adds "[LISTEN:]TARGET"; an error where it is none, or its LISTEN is taken by another.
std::optional<Error> addPort(std::vector<PortMapping>& ports, const std::string& text);

/// Lets this process open as many descriptors as it may.
void raiseDescriptorLimit();

/// Sends the clients to this candidate; without one they are held, as they are where its address is no use.
void forwardTo(Proxy& proxy, const Candidate* leader);

}  // namespace leader
