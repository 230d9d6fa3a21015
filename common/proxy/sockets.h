#pragma once

#include <Poco/Net/IPAddress.h>
#include <Poco/Net/SocketAddress.h>

#include <cstdint>
#include <optional>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

/// The proxy's TCP sockets: all non-blocking and closed on exec.
namespace leader::sockets {

/// Listens on `port` of `bind`, or of every address, IPv6 and IPv4 (IPv4 alone where there is no IPv6).
/// Accepted connections have no delay, notice dead peers and carry urgent bytes.
Result<UniqueFd> listen(const std::optional<Poco::Net::IPAddress>& bind, std::uint16_t port);

/// Begins to connect, without delay; on failure nothing, and errno.
UniqueFd connect(const Poco::Net::SocketAddress& address);

/// Takes the error that a connection attempt ended with.
int takeError(int fd);

/// Makes a connection notice that its peer is dead.
bool noticeDeadPeer(int fd);

/// Makes reads return TCP's urgent byte in its place among the others.
bool carryUrgent(int fd);

/// The port `fd` is bound to, or 0.
std::uint16_t localPort(int fd);

/// Makes closing `fd` send a reset.
void resetOnClose(int fd);

/// Whether the system may give this port to a socket that asks for none.
bool isEphemeral(std::uint16_t port);

/// Whether `address` belongs to this host, so that connecting to it may lead back here.
bool isLocal(const Poco::Net::IPAddress& address);

}  // namespace leader::sockets
