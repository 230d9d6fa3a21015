#include <gtest/gtest.h>

#include "common/metadata/rancher_client.h"

namespace leader::metadata {
namespace {

TEST(RancherUrl, HasHostPortAndVersion) {
    EXPECT_EQ("rancher-metadata", parseRancherUrl("http://rancher-metadata/")->host);
    EXPECT_EQ(80, parseRancherUrl("http://rancher-metadata")->port);
    const auto full = parseRancherUrl("http://127.0.0.1:8080/2015-12-19");
    EXPECT_EQ(8080, full->port);
    EXPECT_EQ("2015-12-19", full->version);
    EXPECT_EQ("latest", parseRancherUrl("http://h/latest/")->version);
    EXPECT_EQ("::1", parseRancherUrl("http://[::1]:80/")->host);
}

TEST(RancherUrl, HttpsIsTlsOnAnotherPort) {
    EXPECT_FALSE(parseRancherUrl("http://h/")->tls);
    const auto parsed = parseRancherUrl("https://h/latest");
    EXPECT_TRUE(parsed->tls);
    EXPECT_EQ(443, parsed->port);
    EXPECT_EQ("latest", parsed->version);
}

TEST(RancherUrl, TheCaseOfItsSchemeCountsForNothing) {
    EXPECT_EQ(80, parseRancherUrl("HTTP://h/")->port);
    EXPECT_FALSE(parseRancherUrl("Http://h/")->tls);
    const auto tls = parseRancherUrl("HTTPS://h/");
    EXPECT_TRUE(tls->tls);
    EXPECT_EQ(443, tls->port);
}

TEST(RancherUrl, WhatIsNoneIsRefusedByName) {
    for (const char* url : {"http://", "http:///x", "http://h/a/b", "http://h:99999/", "http://h:x/",
                            "http://h/?a=b", "http://u:p@h/", "http:h", "http://h:0/"}) {
        const auto parsed = parseRancherUrl(url);
        ASSERT_FALSE(parsed.ok()) << url;
        EXPECT_EQ("'" + std::string(url) + "' is not http[s]://HOST[:PORT]/[VERSION]",
                  parsed.error().message);
    }
}

}  // namespace
}  // namespace leader::metadata
