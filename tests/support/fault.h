#pragma once

#include <Poco/Net/StreamSocket.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

namespace leader::test {

/// One way in which the metadata server misbehaves. It holds for the requests whose path contains `where`;
/// all others are answered properly.
struct Fault {
    enum class Kind {
        kNone,
        kAnswer,            ///< this status and body
        kHang,              ///< reads the request and never answers
        kCloseHalfWay,      ///< announces the whole body, sends half of it, closes
        kTrickle,           ///< the right answer, one byte every `pause`
        kGarbage,           ///< something that is not HTTP
        kOversizedChunked,  ///< an endless body in chunks, `size` bytes at most
        kOversizedLength,   ///< a body of `size` bytes, announced
        kCloseAfterAnswer,  ///< the right answer, "Connection: Keep-Alive", and closed all the same
    };

    Kind kind = Kind::kNone;
    int status = 200;
    std::string body{};
    std::size_t size = 0;
    std::chrono::milliseconds pause{0};
    std::string where{};

    static constexpr std::size_t kBodyLimit = 64UL * 1024 * 1024;
    static constexpr int kDeep = 100'000;

    static Fault answer(int status, std::string body) {
        return {.kind = Kind::kAnswer, .status = status, .body = std::move(body)};
    }
    static Fault notFound() {
        return answer(404, R"({"code":404,"message":"Not found","type":"error"})"
                           "\n");
    }
    static Fault html() {
        return answer(200, "<!DOCTYPE html>\n<html><body><h1>Welcome to nginx!</h1></body></html>\n");
    }
    static Fault deepArrays() { return answer(200, std::string(kDeep, '[') + std::string(kDeep, ']')); }
    static Fault deepObjects() {
        std::string body;
        for (int i = 0; i < kDeep; ++i) body += R"({"a":)";
        return answer(200, body + "1" + std::string(kDeep, '}'));
    }
    static Fault hang() { return {.kind = Kind::kHang}; }
    static Fault closeHalfWay() { return {.kind = Kind::kCloseHalfWay}; }
    static Fault garbage() { return {.kind = Kind::kGarbage}; }
    static Fault closeAfterAnswer() { return {.kind = Kind::kCloseAfterAnswer}; }
    static Fault trickle(std::chrono::milliseconds pause) { return {.kind = Kind::kTrickle, .pause = pause}; }
    static Fault oversizedChunked() { return {.kind = Kind::kOversizedChunked, .size = 2 * kBodyLimit}; }
    static Fault oversizedLength() { return {.kind = Kind::kOversizedLength, .size = kBodyLimit + 1}; }

    Fault at(std::string path) const {
        Fault fault = *this;
        fault.where = std::move(path);
        return fault;
    }
};

/// Carries out a fault that cannot be had through an HTTP server's interface: all but kNone and kAnswer. The
/// caller closes the connection afterwards. `pause` waits and says whether to go on.
void misbehave(const Fault& fault, Poco::Net::StreamSocket& peer,
               const std::function<std::string()>& rightAnswer,
               const std::function<bool(std::chrono::milliseconds)>& pause);

}  // namespace leader::test
