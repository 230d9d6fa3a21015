#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/metadata/http_client.h"

namespace leader::fuzz {

/// The other end of one connection.
class Peer {
  public:
    virtual ~Peer() = default;
    virtual void sent(std::string_view bytes) = 0;
    /// What comes next: no bytes are the connection's end, nothing is silence until the deadline.
    virtual std::optional<std::string> next() = 0;
};

/// Stands in for TLS, behind the same table of functions, so that the client's own code is all there: origins
/// of the memory origin are connected to peers that `connect` makes (null: refused), and no read brings more
/// than `piece` bytes.
struct MemoryTransport {
    static std::function<std::unique_ptr<Peer>()> connect;
    static std::size_t piece;

    static metadata::HttpOrigin origin();
};

/// Hands out `lines` one a request, each an answer: "404 BODY", or a body alone for 200. A request for a
/// watch gets all that are left, a chunk each.
class LinePeer : public Peer {
  public:
    explicit LinePeer(std::string_view& lines) : lines_(lines) {}
    void sent(std::string_view bytes) override;
    std::optional<std::string> next() override;

  private:
    std::string_view takeLine();
    std::string answer();
    std::string chunk();

    std::string_view& lines_;
    std::string request_;
    bool asked_ = false;
    bool watched_ = false;
};

}  // namespace leader::fuzz
