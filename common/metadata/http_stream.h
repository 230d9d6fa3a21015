#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/metadata/chunk_decoder.h"
#include "common/metadata/http_client.h"

namespace leader::metadata {

/// An answer without an end, over a connection of its own, read a line at a time as the lines come: a watch.
/// One thread; an Interrupt from another one ends the waiting, as with HttpClient.
class HttpStream {
  public:
    static constexpr std::size_t kMaxLine = std::size_t{8} * 1024 * 1024;

    /// `interrupt` must outlive the stream.
    HttpStream(const HttpOrigin& origin, const Interrupt& interrupt);
    HttpStream(HttpStream&&) noexcept;
    ~HttpStream();

    /// Sends the request and waits for the answer's head; what was open is closed before. The stream is open
    /// when the status is 200; any other comes with its body. A peer from which TCP hears nothing for
    /// `silence` (whole seconds, at least 3) breaks the stream.
    Result<HttpResponse> open(const HttpRequest& request, Duration silence, Instant deadline);
    bool isOpen() const { return open_; }

    /// The next line, without its end, or nothing at `deadline` or once interrupted: calling again goes on
    /// where this ended. Nothing, and the stream no longer open, is the answer's proper end. An error (the
    /// connection is gone, a line over kMaxLine) closes the stream.
    Result<std::optional<std::string>> line(Instant deadline);

    void close();

  private:
    std::optional<std::string> takeLine();
    bool takeBytes(const char* bytes, std::size_t count);
    Result<std::optional<std::string>> broken(const std::string& why);

    std::unique_ptr<HttpSession> session_;
    std::string where_;
    bool open_ = false;
    bool chunked_ = false;
    ChunkDecoder decoder_;
    /// What has come and is not handed out, and how much of it is known to hold no line's end.
    std::string received_;
    std::size_t searched_ = 0;
};

}  // namespace leader::metadata
