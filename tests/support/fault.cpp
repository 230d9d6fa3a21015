#include "tests/support/fault.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;
using Poco::Net::StreamSocket;
using Pause = std::function<bool(std::chrono::milliseconds)>;

void sendAll(StreamSocket& peer, const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
        const int n = peer.sendBytes(bytes.data() + sent, static_cast<int>(bytes.size() - sent));
        if (n <= 0) return;
        sent += static_cast<std::size_t>(n);
    }
}

std::string head(const std::string& framing) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n" + framing + "\r\n\r\n";
}

std::string lengthOf(const std::string& body) {
    return "Content-Length: " + std::to_string(body.size());
}

void trickle(const std::string& body, std::chrono::milliseconds each, StreamSocket& peer,
             const Pause& pause) {
    sendAll(peer, head(lengthOf(body)));
    for (const char byte : body) {
        if (!pause(each)) return;
        peer.sendBytes(&byte, 1);
    }
}

// One long JSON string, without an end as far as the reader gets.
void flood(const Fault& fault, StreamSocket& peer, const Pause& pause) {
    const bool chunked = fault.kind == Fault::Kind::kOversizedChunked;
    const std::string block(256UL * 1024, 'x');
    sendAll(peer, chunked ? head("Transfer-Encoding: chunked") + "1\r\n\"\r\n"
                          : head("Content-Length: " + std::to_string(fault.size)) + "\"");
    for (std::size_t sent = 1; sent < fault.size && pause(0ms); sent += block.size()) {
        if (chunked) sendAll(peer, "40000\r\n");
        sendAll(peer, chunked ? block : block.substr(0, fault.size - sent));
        if (chunked) sendAll(peer, "\r\n");
    }
}

}  // namespace

void misbehave(const Fault& fault, StreamSocket& peer, const std::function<std::string()>& rightAnswer,
               const Pause& pause) {
    switch (fault.kind) {
        case Fault::Kind::kNone:
        case Fault::Kind::kAnswer:
            return;
        case Fault::Kind::kHang:
            while (pause(1s)) {
            }
            return;
        case Fault::Kind::kGarbage:
            sendAll(peer, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n\x01\x02\xff\xfe\r\n\r\n");
            return;
        case Fault::Kind::kCloseHalfWay: {
            const std::string body = rightAnswer();
            sendAll(peer, head(lengthOf(body)) + body.substr(0, body.size() / 2));
            return;
        }
        case Fault::Kind::kCloseAfterAnswer: {
            const std::string body = rightAnswer();
            sendAll(peer, head("Connection: Keep-Alive\r\n" + lengthOf(body)) + body);
            return;
        }
        case Fault::Kind::kTrickle:
            trickle(rightAnswer(), fault.pause, peer, pause);
            return;
        case Fault::Kind::kOversizedChunked:
        case Fault::Kind::kOversizedLength:
            flood(fault, peer, pause);
            return;
    }
}

}  // namespace leader::test
