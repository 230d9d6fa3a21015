#include "common/election/kubernetes_target.h"

#include <Poco/Environment.h>
#include <Poco/Exception.h>
#include <Poco/RegularExpression.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>

#include "common/metadata/url_scheme.h"

namespace leader {
namespace {

constexpr const char* kInPod = "kubernetes:";
constexpr const char* kElsewhere = "kubernetes://";
const std::string kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/";
constexpr std::size_t kLongestName = 253;

/// RFC 1123 subdomain, which both names are at the most.
bool isName(const std::string& name) {
    static const Poco::RegularExpression pattern(
        "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*");
    return name.size() <= kLongestName && pattern.match(name);
}

Result<KubernetesTarget> named(KubernetesTarget target, const std::string& url) {
    for (const std::string& name : {target.namespaceName, target.name})
        if (!isName(name))
            return Error{"'" + url + "': '" + name +
                         "' is no name in Kubernetes: lower-case letters, digits, '-' and '.'"};
    return target;
}

std::optional<std::string> ownNamespace() {
    const std::string given = Poco::Environment::get("POD_NAMESPACE", "");
    if (!given.empty()) return given;
    std::ifstream file(kServiceAccount + "namespace");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.empty()) return {};
    return Poco::trim(text);
}

Result<KubernetesTarget> findInPod(const EngineOptions& options) {
    const std::string host = Poco::Environment::get("KUBERNETES_SERVICE_HOST", "");
    const std::string port = Poco::Environment::get("KUBERNETES_SERVICE_PORT", "");
    KubernetesTarget target;
    target.origin.host = host;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), target.origin.port);
    if (host.empty() || port.empty() || error != std::errc() || end != port.data() + port.size() ||
        target.origin.port < 1 || target.origin.port > UINT16_MAX)
        return Error{"'" + options.url +
                     "' is for a pod, where KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are set; "
                     "elsewhere write kubernetes://HOST:PORT/NAMESPACE/NAME"};

    target.origin.tls = options.tls;
    if (options.tls.caFile.empty()) target.origin.tls->caFile = kServiceAccount + "ca.crt";
    target.tokenFile = options.tokenFile;
    if (options.tokenFile.empty() && options.tls.certFile.empty())
        target.tokenFile = kServiceAccount + "token";

    const std::string rest = options.url.substr(std::string(kInPod).size());
    const std::size_t slash = rest.find('/');
    target.name = slash == std::string::npos ? rest : rest.substr(slash + 1);
    if (slash != std::string::npos) {
        target.namespaceName = rest.substr(0, slash);
    } else if (const auto own = ownNamespace()) {
        target.namespaceName = *own;
    } else {
        return Error{"'" + options.url + "' has no namespace, and neither has " + kServiceAccount +
                     "namespace nor POD_NAMESPACE; write kubernetes:NAMESPACE/NAME"};
    }
    return named(target, options.url);
}

Result<KubernetesTarget> findElsewhere(const EngineOptions& options) {
    const Error bad{"'" + options.url + "' is not kubernetes://HOST:PORT/NAMESPACE/NAME"};
    try {
        const Poco::URI uri(options.url);
        std::vector<std::string> segments;
        uri.getPathSegments(segments);
        if (uri.getHost().empty() || uri.getSpecifiedPort() == 0 || segments.size() != 2 ||
            !uri.getUserInfo().empty() || !uri.getRawQuery().empty() || !uri.getFragment().empty())
            return bad;
        if (options.tokenFile.empty() && options.tls.certFile.empty())
            return Error{"'" + options.url +
                         "' wants to know who asks: give --token-file, or --cert-file and --key-file"};
        KubernetesTarget target;
        target.origin = {uri.getHost(), uri.getSpecifiedPort(), "", options.tls};
        target.namespaceName = segments[0];
        target.name = segments[1];
        target.tokenFile = options.tokenFile;
        return named(target, options.url);
    } catch (const Poco::Exception&) {
        return bad;
    }
}

}  // namespace

Result<KubernetesTarget> findKubernetes(const EngineOptions& options) {
    return metadata::hasScheme(options.url, kElsewhere) ? findElsewhere(options) : findInPod(options);
}

std::string kubernetesIdentity(const EngineOptions& options) {
    if (!options.self.empty()) return options.self;
    const std::string pod = Poco::Environment::get("POD_NAME", "");
    return pod.empty() ? Poco::Environment::nodeName() : pod;
}

}  // namespace leader
