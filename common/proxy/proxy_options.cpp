#include "common/proxy/proxy_options.h"

#include <charconv>

namespace leader {
namespace {

std::optional<std::uint16_t> parsePort(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) return {};
    return port;
}

}  // namespace

Result<PortMapping> PortMapping::parse(const std::string& text) {
    const std::string_view all = text;
    const std::size_t colon = all.find(':');
    const auto target = parsePort(colon == std::string_view::npos ? all : all.substr(colon + 1));
    const auto listen = colon == std::string_view::npos ? target : parsePort(all.substr(0, colon));
    if (!listen || !target)
        return Error{"bad port '" + text + "': give TARGET or LISTEN:TARGET, numbers from 1 to 65535"};
    return PortMapping{*listen, *target};
}

}  // namespace leader
