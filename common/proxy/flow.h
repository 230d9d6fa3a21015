#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/proxy/pipe_pool.h"

namespace leader {

/// What the flows of one thread share.
struct FlowTools {
    static constexpr std::size_t kCopyBytes = std::size_t{16} * 1024;

    PipePool pipes;
    std::array<char, kCopyBytes> scratch;
};

/// One direction of a connection: carries the bytes of one non-blocking, edge-triggered stream socket to
/// another. It reads only when what it read before is out, so the sockets' own buffers give the backpressure.
/// It owns no socket; whoever does tells it what epoll said and pumps.
class Flow {
  public:
    enum class Status : std::uint8_t {
        kBlocked,  ///< nothing to do before the next event
        kYielded,  ///< its share of this turn is used up; there may be more: pump again in the next turn
        kEnded,    ///< the source has ended: shut the sink's writing side, the last bytes may wait for that
        kBroken,   ///< one of the sockets failed; nothing more can be carried
    };

    /// Bytes read from one source in one turn, so that no connection starves the others.
    static constexpr std::size_t kBytesPerTurn = std::size_t{1024} * 1024;

    /// Takes note of what epoll said of the source or the sink.
    void sourceEvents(std::uint32_t events);
    void sinkEvents(std::uint32_t events);

    /// Puts `bytes` before everything that comes from the source. Only before the first pump.
    void prepend(std::string_view bytes);

    /// Carries what can be carried now; adds the bytes that went out to `carried`.
    Status pump(int source, int sink, FlowTools& tools, std::uint64_t& carried);

    bool ended() const { return ended_; }
    bool holdsPipe() const { return static_cast<bool>(pipe_); }
    /// Bytes that were read and are not out yet.
    std::size_t pending() const { return pending_; }

  private:
    enum class Step : std::uint8_t { kOn, kWait, kEnd, kBreak };

    Status carry(int source, int sink, FlowTools& tools, std::uint64_t& carried);
    Step flush(int sink, std::uint64_t& carried);
    Step copy(int source, int sink, FlowTools& tools, std::uint64_t& carried);
    Step fillPipe(int source);
    void keep(std::string_view bytes);

    Pipe pipe_;                      // bulk: what is on its way is in here …
    std::unique_ptr<char[]> chunk_;  // … and of a small message, what the sink did not take at once
    std::uint32_t pending_ = 0;
    std::uint32_t chunkOffset_ = 0;
    bool readable_ = false;
    bool writable_ = true;
    bool ending_ = false;      // the end of the stream is behind the bytes that are there
    bool untilError_ = false;  // only a failing read tells that the source is empty
    bool urgent_ = false;
    bool bulk_ = false;
    bool atEnd_ = false;  // the source has ended …
    bool ended_ = false;  // … and all its bytes are out
};

}  // namespace leader
