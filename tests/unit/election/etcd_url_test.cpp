#include "common/election/etcd_url.h"

#include <gtest/gtest.h>

namespace leader {
namespace {

TEST(EtcdUrl, HasEndpointsAndAName) {
    const auto one = parseEtcdUrl("etcd://etcd:2379/db");
    ASSERT_TRUE(one.ok());
    ASSERT_EQ(1U, one->endpoints.size());
    EXPECT_EQ("http://etcd:2379", one->endpoints[0].url());
    EXPECT_EQ("db", one->name);
    const auto three = parseEtcdUrl("etcd://10.0.0.1:1,[fd00::2]:2,c/db");
    ASSERT_EQ(3U, three->endpoints.size());
    EXPECT_EQ("http://[fd00::2]:2", three->endpoints[1].url());
    EXPECT_EQ("http://c:2379", three->endpoints[2].url());
}

TEST(EtcdUrl, TheCaseOfItsSchemeCountsForNothingAndThatOfTheNameDoes) {
    const auto plain = parseEtcdUrl("ETCD://h:1/Db");
    ASSERT_TRUE(plain.ok());
    EXPECT_EQ("Db", plain->name);
    EXPECT_FALSE(plain->endpoints.at(0).tls);
    const auto tls = parseEtcdUrl("EtcdS://h:1/db");
    ASSERT_TRUE(tls.ok());
    EXPECT_TRUE(tls->endpoints.at(0).tls);
}

TEST(EtcdUrl, ANameIsAnyBytes) {
    EXPECT_EQ("a/b", parseEtcdUrl("etcd://h:1/a/b")->name);
    EXPECT_EQ("/a/", parseEtcdUrl("etcd://h:1//a/")->name);
    EXPECT_EQ("a b/?#\xff%+", parseEtcdUrl("etcd://h:1/a%20b%2f?#%FF%25+")->name);
    EXPECT_EQ("d\xc3\xa4", parseEtcdUrl("etcd://h:1/d\xc3\xa4")->name);
}

TEST(EtcdUrl, WhatIsNoneIsRefusedByName) {
    for (const char* url : {"etcd:", "etcd://", "etcd:///db", "etcd://h:1", "etcd://h:1/", "etcd://h:x/db",
                            "etcd:h/db", "etcd://h:99999/db", "etcd://u:p@h:1/db", "etcd://h:1,/db",
                            "etcd://h:1/%zz", "etcd://h:1/%2", "etcd://h:1/a%00b", "etcd://h:1?x/db"}) {
        const auto parsed = parseEtcdUrl(url);
        ASSERT_FALSE(parsed.ok()) << url;
        EXPECT_EQ("'" + std::string(url) + "' is not etcd[s]://HOST[:PORT][,...]/NAME",
                  parsed.error().message);
    }
}

}  // namespace
}  // namespace leader
