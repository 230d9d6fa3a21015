#pragma once

#include <string>

#include "common/election/engines.h"
#include "common/metadata/http_client.h"

namespace leader {

/// Which Lease, and how to reach and convince the API server it is in.
struct KubernetesTarget {
    metadata::HttpOrigin origin;
    std::string namespaceName;
    std::string name;
    /// Empty: a client certificate says who asks.
    std::string tokenFile;
};

/// `kubernetes:[NAMESPACE/]NAME` as a pod finds it, from KUBERNETES_SERVICE_HOST and _PORT and the files of
/// its service account, or `kubernetes://HOST:PORT/NAMESPACE/NAME` with the options' files. A namespace that
/// is left out is POD_NAMESPACE, else the service account's.
Result<KubernetesTarget> findKubernetes(const EngineOptions& options);

/// This member's holderIdentity: --self, else POD_NAME, else the host name, which is the pod's.
std::string kubernetesIdentity(const EngineOptions& options);

}  // namespace leader
