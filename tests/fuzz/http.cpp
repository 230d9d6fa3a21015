// The client reads what a server sends: the input is the bytes of one connection after the other, where 0xFF
// ends a connection and 0xFE is silence until the deadline. What comes out must not depend on how the bytes
// are cut.

#include "common/metadata/http_session.h"
#include "common/metadata/http_stream.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/memory_transport.h"

namespace leader::fuzz {
namespace {

using namespace std::chrono_literals;
using namespace leader::metadata;

constexpr char kEnd = '\xff';
constexpr char kSilence = '\xfe';
constexpr int kRequests = 3;

class BytesPeer : public Peer {
  public:
    explicit BytesPeer(std::string_view& bytes) : bytes_(bytes) {}
    ~BytesPeer() override {
        const std::size_t end = bytes_.find(kEnd);
        bytes_.remove_prefix(end == std::string_view::npos ? bytes_.size() : end + 1);
    }
    BytesPeer(const BytesPeer&) = delete;
    BytesPeer& operator=(const BytesPeer&) = delete;

    void sent(std::string_view /*bytes*/) override {}
    std::optional<std::string> next() override {
        if (!bytes_.empty() && bytes_.front() == kSilence) {
            bytes_.remove_prefix(1);
            return {};
        }
        const std::size_t most = std::min(MemoryTransport::piece, bytes_.size());
        std::string bytes(bytes_.substr(0, most));
        bytes.resize(std::min(bytes.find(kEnd), bytes.size()));
        bytes.resize(std::min(bytes.find(kSilence), bytes.size()));
        bytes_.remove_prefix(bytes.size());
        return bytes;
    }

  private:
    std::string_view& bytes_;
};

std::string textOf(const Result<HttpResponse>& response) {
    if (!response) return "error: " + response.error().message + "\n";
    std::string text = std::to_string(response->status) + "\n";
    for (const auto& [name, value] : response->headers) text += name + ": " + value + "\n";
    return text + response->body + "\n";
}

std::string requests(std::string_view bytes) {
    MemoryTransport::connect = [&] { return std::make_unique<BytesPeer>(bytes); };
    const Interrupt interrupt;
    HttpClient client(MemoryTransport::origin(), interrupt);
    std::string all;
    for (int i = 0; i < kRequests; ++i) {
        const auto answer = client.get("/", "application/json", Clock::system().now() + 10s);
        expect(!answer || answer->body.size() <= HttpClient::kMaxBody, "a body is bounded");
        all += textOf(answer);
    }
    return all;
}

struct Streamed {
    std::string lines;
    std::string error;
};

Streamed stream(std::string_view bytes) {
    MemoryTransport::connect = [&] { return std::make_unique<BytesPeer>(bytes); };
    const Interrupt interrupt;
    HttpStream stream(MemoryTransport::origin(), interrupt);
    Streamed all{textOf(stream.open({}, 30s, Clock::system().now() + 10s)), ""};
    for (bool more = stream.isOpen(); more;) {
        const auto line = stream.line(Clock::system().now() + 10s);
        if (!line) {
            expect(!stream.isOpen(), "an error closes the stream");
            return {all.lines, line.error().message};
        }
        if (line->has_value()) all.lines += "line: " + **line + "\n";
        more = line->has_value() || stream.isOpen();
    }
    return all;
}

/// Lines that come at once with what breaks the stream may be lost with it.
bool same(const Streamed& whole, const Streamed& pieces) {
    if (whole.error.empty()) return pieces.error.empty() && whole.lines == pieces.lines;
    return whole.error == pieces.error && pieces.lines.rfind(whole.lines, 0) == 0;
}

void read(std::string_view bytes) {
    MemoryTransport::piece = 65536;
    const std::string answers = requests(bytes);
    const Streamed lines = stream(bytes);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
        MemoryTransport::piece = piece;
        expect(answers == requests(bytes), "answers do not depend on how they are cut");
        expect(same(lines, stream(bytes)), "lines do not depend on how they are cut");
    }
}

}  // namespace
}  // namespace leader::fuzz

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace leader::fuzz;
    read({reinterpret_cast<const char*>(data), size});
    return 0;
}
