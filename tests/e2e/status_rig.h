#pragma once

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>

#include <regex>

#include "tests/e2e/harness.h"
#include "tests/support/json.h"

namespace leader::test {

inline const std::vector<std::string> kServeStatus = {"--status-address", "127.0.0.1:0"};

struct Reply {
    /// 0: there was none.
    int code = 0;
    std::string body;
};

/// The port of the status server that the log names; 0 where it names none in time.
inline std::uint16_t statusPort(Process& process) {
    if (!process.waitForErrors("status at http://")) return 0;
    std::smatch match;
    const std::string log = process.errors();
    return std::regex_search(log, match, std::regex("status at http://[^ ]*:(\\d+)/"))
               ? static_cast<std::uint16_t>(std::stoi(match[1]))
               : 0;
}

inline Reply ask(std::uint16_t port, const std::string& path, const std::string& method = "GET") {
    Reply reply;
    try {
        Poco::Net::HTTPClientSession session("127.0.0.1", port);
        session.setTimeout(Poco::Timespan(patience().count() * 1000));
        Poco::Net::HTTPRequest request(method, path, Poco::Net::HTTPRequest::HTTP_1_1);
        session.sendRequest(request);
        Poco::Net::HTTPResponse response;
        Poco::StreamCopier::copyToString(session.receiveResponse(response), reply.body);
        reply.code = response.getStatus();
    } catch (const Poco::Exception& e) {
        reply.body = e.displayText();
    }
    return reply;
}

/// Waits for a status code; what it says where another one stays.
inline ::testing::AssertionResult answers(std::uint16_t port, const std::string& path, int code) {
    Reply last;
    if (eventually([&] { return (last = ask(port, path)).code == code; }))
        return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << path << " is " << last.code << ": " << last.body;
}

/// The value of a metric, with its labels as they are written; nothing where there is none.
inline std::optional<double> metric(std::uint16_t port, const std::string& name) {
    std::istringstream lines(ask(port, "/metrics").body);
    for (std::string line; std::getline(lines, line);)
        if (line.rfind(name + " ", 0) == 0) return std::stod(line.substr(name.size() + 1));
    return {};
}

}  // namespace leader::test
