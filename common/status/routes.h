#pragma once

#include <string>

#include "common/status/report.h"

namespace leader::status {

struct Response {
    int code = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body;
};

/// The methods that are served, as the header Allow lists them.
inline constexpr const char* kMethods = "GET, HEAD, OPTIONS";

/// What is served under a target such as "/leader?x". The paths and codes are those of Patroni's REST API,
/// so that what checks Patroni's health can check this. `report` is null where the loop did not give one.
Response respond(const std::string& method, const std::string& target, const Report* report);

}  // namespace leader::status
