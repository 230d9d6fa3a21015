#include "common/metadata/chunk_decoder.h"

#include <algorithm>
#include <charconv>

namespace leader::metadata {

std::optional<Error> ChunkDecoder::decode(std::string_view bytes, std::string& body) {
    while (!bytes.empty() && state_ != State::kEnded) {
        if (state_ == State::kData) {
            const std::size_t count = std::min(left_, bytes.size());
            body.append(bytes.substr(0, count));
            bytes.remove_prefix(count);
            left_ -= count;
            if (left_ == 0) state_ = State::kAfterData;
            continue;
        }
        if (auto error = takeLineByte(bytes.front())) return error;
        bytes.remove_prefix(1);
    }
    return {};
}

std::optional<Error> ChunkDecoder::takeLineByte(char byte) {
    if (byte != '\n') {
        if (line_.size() == kMaxLine) return Error{"the head of a chunk is too long"};
        line_ += byte;
        return {};
    }
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    const std::string line = std::exchange(line_, "");
    return takeLine(line);
}

std::optional<Error> ChunkDecoder::takeLine(std::string_view line) {
    switch (state_) {
        case State::kHead: {
            const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
            const std::string_view rest = line.substr(static_cast<std::size_t>(end - line.data()));
            const bool extended = !rest.empty() && (rest[0] == ';' || rest[0] == ' ' || rest[0] == '\t');
            if (error != std::errc() || (!rest.empty() && !extended))
                return Error{"the head of a chunk is no size"};
            state_ = left_ > 0 ? State::kData : State::kTrailer;
            return {};
        }
        case State::kAfterData:
            if (!line.empty()) return Error{"a chunk is longer than it said"};
            state_ = State::kHead;
            return {};
        case State::kTrailer:
            if (line.empty()) state_ = State::kEnded;
            return {};
        case State::kData:
        case State::kEnded:
            break;
    }
    return {};
}

}  // namespace leader::metadata
