#include "common/election/etcd_url.h"

#include <Poco/Exception.h>
#include <Poco/StringTokenizer.h>
#include <Poco/URI.h>

#include "common/metadata/url_scheme.h"

namespace leader {
namespace {

const std::string kPrefix = "etcd://";
const std::string kTlsPrefix = "etcds://";

std::optional<metadata::HttpOrigin> parseEndpoint(const std::string& endpoint, bool tls) {
    const Poco::URI uri("http://" + endpoint);
    if (uri.getHost().empty() || !uri.getUserInfo().empty() || !uri.getPathEtc().empty() ||
        !uri.getFragment().empty())
        return {};
    const int port = uri.getSpecifiedPort();
    metadata::HttpOrigin origin{uri.getHost(), port == 0 ? EtcdUrl::kDefaultPort : port};
    if (tls) origin.tls = metadata::TlsFiles();
    return origin;
}

}  // namespace

Result<EtcdUrl> parseEtcdUrl(const std::string& url) {
    const Error bad{"'" + url + "' is not etcd[s]://HOST[:PORT][,...]/NAME"};
    const bool tls = metadata::hasScheme(url, kTlsPrefix);
    const std::string& prefix = tls ? kTlsPrefix : kPrefix;
    const std::string rest = url.substr(std::min(url.size(), prefix.size()));
    const std::size_t slash = rest.find('/');
    if (!metadata::hasScheme(url, prefix) || slash == std::string::npos) return bad;
    try {
        EtcdUrl parsed;
        for (const std::string& endpoint : Poco::StringTokenizer(rest.substr(0, slash), ",")) {
            const auto origin = parseEndpoint(endpoint, tls);
            if (!origin) return bad;
            parsed.endpoints.push_back(*origin);
        }
        Poco::URI::decode(rest.substr(slash + 1), parsed.name);
        if (parsed.endpoints.empty() || parsed.name.empty() || parsed.name.find('\0') != std::string::npos)
            return bad;
        return parsed;
    } catch (const Poco::Exception&) {
        return bad;
    }
}

}  // namespace leader
