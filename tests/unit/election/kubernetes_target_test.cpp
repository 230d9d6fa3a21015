#include "common/election/kubernetes_target.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

namespace leader {
namespace {

/// What a pod finds in its environment, for as long as a test takes.
class KubernetesTargetTest : public testing::Test {
  protected:
    KubernetesTargetTest() {
        for (const char* variable : kVariables) ::unsetenv(variable);
        ::setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
        ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    }
    ~KubernetesTargetTest() override {
        for (const char* variable : kVariables) ::unsetenv(variable);
    }

    KubernetesTarget find(const std::string& url) {
        options.url = url;
        const auto target = findKubernetes(options);
        EXPECT_TRUE(target.ok()) << target.error().message;
        return target ? *target : KubernetesTarget();
    }

    static constexpr std::array kVariables = {"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT",
                                              "POD_NAMESPACE", "POD_NAME"};
    EngineOptions options;
};

TEST_F(KubernetesTargetTest, InAPodTheEnvironmentTellsWhereTheServerIs) {
    const KubernetesTarget target = find("kubernetes:ns/db");
    EXPECT_EQ("https://10.96.0.1", target.origin.url());
    EXPECT_EQ("ns", target.namespaceName);
    EXPECT_EQ("db", target.name);
}

TEST_F(KubernetesTargetTest, ANamespaceThatIsLeftOutIsThePods) {
    ::setenv("POD_NAMESPACE", "pods", 1);
    EXPECT_EQ("pods", find("kubernetes:db").namespaceName);
    EXPECT_EQ("ns", find("kubernetes:ns/db").namespaceName);
}

TEST_F(KubernetesTargetTest, InAPodTheServiceAccountSaysWhoAsksUnlessSomethingElseDoes) {
    const std::string account = "/var/run/secrets/kubernetes.io/serviceaccount/";
    const KubernetesTarget target = find("kubernetes:ns/db");
    EXPECT_EQ(account + "ca.crt", target.origin.tls->caFile);
    EXPECT_EQ(account + "token", target.tokenFile);
    options.tls.caFile = "ca";
    options.tokenFile = "token";
    EXPECT_EQ("ca", find("kubernetes:ns/db").origin.tls->caFile);
    EXPECT_EQ("token", find("kubernetes:ns/db").tokenFile);
    options.tokenFile.clear();
    options.tls.certFile = "cert";
    EXPECT_EQ("", find("kubernetes:ns/db").tokenFile);
}

TEST_F(KubernetesTargetTest, AMemberIsCalledAsItIsToldElseAsItsPodElseAsItsHost) {
    EXPECT_NE("", kubernetesIdentity(options));
    ::setenv("POD_NAME", "pod-1", 1);
    EXPECT_EQ("pod-1", kubernetesIdentity(options));
    options.self = "me";
    EXPECT_EQ("me", kubernetesIdentity(options));
}

}  // namespace
}  // namespace leader
