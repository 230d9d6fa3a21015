#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace leader::metadata {

/// Takes the chunked transfer coding (RFC 9112, section 7.1) off a body that comes in pieces of any size,
/// where Poco's own decoder waits for the rest of a chunk's head and cannot be asked again after a timeout.
class ChunkDecoder {
  public:
    /// A head with its extensions, or a line of the trailer, is at most this long.
    static constexpr std::size_t kMaxLine = 4096;

    /// Appends what `bytes` hold of the body to `body`. Bytes behind the end are dropped.
    [[nodiscard]] std::optional<Error> decode(std::string_view bytes, std::string& body);
    /// The last chunk and the trailer have been seen.
    bool ended() const { return state_ == State::kEnded; }

  private:
    enum class State { kHead, kData, kAfterData, kTrailer, kEnded };

    std::optional<Error> takeLineByte(char byte);
    std::optional<Error> takeLine(std::string_view line);

    State state_ = State::kHead;
    std::string line_;
    std::size_t left_ = 0;
};

}  // namespace leader::metadata
