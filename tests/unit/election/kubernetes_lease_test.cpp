#include "common/election/kubernetes_lease.h"

#include <gtest/gtest.h>

namespace leader {
namespace {

using namespace std::chrono_literals;

const std::string kObject =
    R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"db","resourceVersion":"7",)"
    R"("labels":{"app":"db"},"annotations":{"other":"kept","leader/member":)"
    R"("{\"name\":\"a\",\"address\":\"10.0.0.1\",\"uuid\":\"u\",\"term\":3}"}},)"
    R"("spec":{"holderIdentity":"a","leaseDurationSeconds":15,"acquireTime":"2026-01-02T03:04:05.000006Z",)"
    R"("renewTime":"2026-01-02T03:04:15.000006Z","leaseTransitions":3,"strategy":"kept"}})";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    return text.replace(text.find(what), what.size(), by);
}

TEST(KubernetesLease, HasTheRecordAndWhatTheHolderSaysOfItself) {
    const auto lease = KubernetesLease::parse(kObject, "it");
    ASSERT_TRUE(lease.ok()) << lease.error().message;
    EXPECT_EQ("7", lease->resourceVersion);
    EXPECT_EQ((LeaseRecord{"a", 15s, "2026-01-02T03:04:05.000006Z", "2026-01-02T03:04:15.000006Z", 3}),
              lease->record);
    ASSERT_TRUE(lease->member);
    EXPECT_EQ("10.0.0.1", lease->member->address);
}

TEST(KubernetesLease, AnAnnotationOfAnotherHolderOrTermDoesNotCount) {
    EXPECT_FALSE(
        KubernetesLease::parse(replaced(kObject, R"("holderIdentity":"a")", R"("holderIdentity":"b")"), "it")
            ->member);
    EXPECT_FALSE(
        KubernetesLease::parse(replaced(kObject, R"("leaseTransitions":3)", R"("leaseTransitions":4)"), "it")
            ->member);
    EXPECT_FALSE(KubernetesLease::parse(replaced(kObject, R"({\"name\")", R"([\"name\")"), "it")->member);
}

// It tells that somebody else than the holder has emptied the Lease, under the holder.
TEST(KubernetesLease, AnAnnotationWithoutAHolderCounts) {
    const auto lease =
        KubernetesLease::parse(replaced(kObject, R"("holderIdentity":"a")", R"("holderIdentity":"")"), "it");
    ASSERT_TRUE(lease->member);
    EXPECT_EQ("a", lease->member->name);
}

TEST(KubernetesLease, AChangeKeepsAllThatIsNotTheRecord) {
    const auto lease = KubernetesLease::parse(kObject, "it");
    const LeaseRecord record{"b", 30s, "x", "y", 4};
    const std::string text = lease->with(record, LeaseMember{"b", "10.0.0.2", "v", 4});
    const auto changed = KubernetesLease::parse(text, "it");
    ASSERT_TRUE(changed.ok());
    EXPECT_EQ(record, changed->record);
    EXPECT_EQ("7", changed->resourceVersion);
    EXPECT_EQ("v", changed->member->uuid);
    for (const char* kept : {R"("app":"db")", R"("other":"kept")", R"("strategy":"kept")"})
        EXPECT_NE(std::string::npos, text.find(kept)) << text;
    EXPECT_FALSE(KubernetesLease::parse(lease->with(record, {}), "it")->member);
}

TEST(KubernetesLease, AnEmptySpecIsFree) {
    const auto lease = KubernetesLease::parse(R"({"metadata":{"resourceVersion":"1"}})", "it");
    ASSERT_TRUE(lease.ok());
    EXPECT_EQ(LeaseRecord(), lease->record);
}

TEST(KubernetesLease, WhatIsNoneIsRefused) {
    for (const char* text :
         {"", "null", "[]", "{}", R"({"metadata":{}})", R"({"metadata":{"resourceVersion":7}})",
          R"({"metadata":{"resourceVersion":"1"},"spec":{"holderIdentity":1}})",
          R"({"metadata":{"resourceVersion":"1"},"spec":{"leaseDurationSeconds":"15"}})",
          R"({"metadata":{"resourceVersion":"1"},"spec":[]})"}) {
        const auto lease = KubernetesLease::parse(text, "the lease");
        ASSERT_FALSE(lease.ok()) << text;
        EXPECT_EQ(0U, lease.error().message.find("the lease")) << lease.error().message;
    }
}

TEST(KubernetesLease, TimesAreRfc3339WithMicroseconds) {
    const std::chrono::system_clock::time_point time(1767323045s + 6us);
    EXPECT_EQ("2026-01-02T03:04:05.000006Z", leaseTime(time));
    EXPECT_EQ(time, parseLeaseTime("2026-01-02T03:04:05.000006Z"));
    EXPECT_EQ(time - 6us, parseLeaseTime("2026-01-02T03:04:05Z"));
    EXPECT_EQ(time - 6us, parseLeaseTime("2026-01-02T05:04:05+02:00"));
    EXPECT_FALSE(parseLeaseTime(""));
    EXPECT_FALSE(parseLeaseTime("soon"));
}

TEST(KubernetesLease, ATimeThatNoRenewalCanBeOfIsNone) {
    for (const char* time : {"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2262-05-01T00:00:00Z",
                             "9999-12-31T23:59:59.999999Z"})
        EXPECT_FALSE(parseLeaseTime(time)) << time;
    EXPECT_TRUE(parseLeaseTime("1970-01-01T00:00:00Z"));
    EXPECT_TRUE(parseLeaseTime("2100-12-31T00:00:00Z"));
}

}  // namespace
}  // namespace leader
