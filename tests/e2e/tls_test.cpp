#include <iterator>

#include "tests/e2e/harness.h"
#include "tests/support/certificates.h"
#include "tests/support/tls_front.h"

namespace leader::test {
namespace {

std::string urlOf(const TlsFront& front) {
    return "https://127.0.0.1:" + std::to_string(front.port()) + "/";
}

TEST(RancherOverTls, IsAskedAndFollowedAsWithoutIt) {
    CertificateAuthority authority;
    MetadataServer server(service(2, 2).answers());
    const TlsFront front(server.port(), {authority.issue("/CN=metadata", "IP:127.0.0.1")});
    EXPECT_EQ(1, check(urlOf(front), {"--ca-file", authority.file(), "--timeout", "10s"}).code);
    Process member(run(urlOf(front), {"--ca-file", authority.file()}));
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    server.reload(service(1, 1).answers());
    EXPECT_TRUE(member.waitForOutput("started")) << member.errors();
}

TEST(RancherOverTls, ACertificateThatDoesNotVerifyIsOneLineThatSaysWhichAndWhy) {
    CertificateAuthority authority;
    MetadataServer server(service(1, 1).answers());
    const TlsFront front(server.port(), {authority.issue("/CN=metadata", "DNS:elsewhere")});
    const auto ended = check(urlOf(front), {"--ca-file", authority.file(), "--timeout", "3s"});
    EXPECT_EQ(3, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "CN=metadata is not for this host but for DNS:elsewhere"));
    EXPECT_EQ(0U, server.requests());
}

TEST(TlsOptions, WhatIsOfNoUseIsBadUsage) {
    MetadataServer server(service(1, 1).answers());
    auto ended = check(server.url(), {"--ca-file", "/etc/passwd"});
    EXPECT_EQ(2, ended.code);
    EXPECT_TRUE(oneLine(ended.errors,
                        "check: --ca-file, --cert-file, --key-file: '.*' is without TLS, leave them out"));
    ended = check("https://127.0.0.1:1/", {"--ca-file", "/nowhere/ca.pem"});
    EXPECT_EQ(2, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "check: --ca-file /nowhere/ca.pem: No such file or directory"));
    ended = check("https://127.0.0.1:1/", {"--ca-file", "/etc/passwd"});
    EXPECT_EQ(2, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "--ca-file /etc/passwd: holds no certificate in PEM form"));
}

TEST(TlsOptions, WithoutTlsInTheUrlNothingOfItIsLoaded) {
    MetadataServer server(service(1, 1).answers());
    Process member(run(server.url()));
    ASSERT_TRUE(member.waitForOutput("started"));
    const std::string mapped = contentOf("/proc/" + std::to_string(member.pid()) + "/maps");
    EXPECT_EQ(std::string::npos, mapped.find("libssl")) << mapped;
    EXPECT_EQ(std::string::npos, mapped.find("libcrypto")) << mapped;
}

}  // namespace
}  // namespace leader::test
