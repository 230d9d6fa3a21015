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

/// Tells a proxy, which must outlive it, who leads.
class Forwarder {
  public:
    explicit Forwarder(Proxy& proxy) : proxy_(proxy) {}

    /// Sends the clients to this candidate; without one they are held, as they are where its address is no
    /// use, which is logged once.
    void forwardTo(const Candidate* leader);

  private:
    Proxy& proxy_;
    std::string useless_;
};

}  // namespace leader
