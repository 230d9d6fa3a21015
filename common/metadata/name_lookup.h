#pragma once

#include <Poco/Net/IPAddress.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/interrupt.h"
#include "common/base/result.h"

namespace leader::metadata {

/// Looks up hosts' names by a deadline, which getaddrinfo(3) knows nothing of, nor of interrupts: it runs on
/// a thread of its own, which is left to itself where it takes longer, and owns all that it needs together
/// with this. Any thread may ask.
class NameLookups {
  public:
    using Addresses = std::vector<Poco::Net::IPAddress>;
    using Resolve = std::function<Result<Addresses>(const std::string& name)>;

    /// A name that is being looked up is not looked up a second time, so these are as many names.
    static constexpr std::size_t kMostThreads = 8;
    /// An answer that came too late for all who asked is kept for the next one to ask.
    static constexpr Duration kKept = std::chrono::seconds(30);

    /// `resolve` is called on threads that may outlive this.
    explicit NameLookups(Resolve resolve);

    /// At least one address, in the order to be tried. An error names the name and what to do.
    Result<Addresses> find(const std::string& name, const Interrupt& interrupt, Instant deadline);
    /// That look a name up now.
    std::size_t threads() const;

    /// The process's, by the system's resolver.
    static NameLookups& ofSystem();

  private:
    struct Lookup;
    struct State;

    static std::shared_ptr<Lookup> begin(const std::shared_ptr<State>& state, const std::string& name);

    std::shared_ptr<State> state_;
};

/// What getaddrinfo(3) says, and why it failed.
Result<NameLookups::Addresses> resolveBySystem(const std::string& name);

}  // namespace leader::metadata
