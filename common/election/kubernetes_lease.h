#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace leader {

/// What client-go calls the election record, as its LeaseLock keeps it in a Lease's spec.
struct LeaseRecord {
    /// Empty: free.
    std::string holder;
    /// Of the holder's last word; zero where there is none.
    std::chrono::seconds duration{0};
    /// RFC 3339 with microseconds, in UTC.
    std::string acquireTime;
    std::string renewTime;
    std::int64_t transitions = 0;

    bool operator==(const LeaseRecord&) const = default;
};

/// What a member of ours says of itself beside the record, as an annotation. Others that take the lease over
/// leave the annotation as it is, so that it only counts under the transitions it was written with.
struct LeaseMember {
    std::string name;
    std::string address;
    std::string uuid;
    std::int64_t term = 0;
};

/// A Lease of coordination.k8s.io/v1 as the API server gave it.
struct KubernetesLease {
    static constexpr const char* kAnnotation = "leader/member";

    /// The whole object, of which a change keeps all that is not the record or the annotation.
    std::string json;
    std::string resourceVersion;
    LeaseRecord record;
    /// The annotation, where it is about this record.
    std::optional<LeaseMember> member;

    /// `where` names the object in errors.
    static Result<KubernetesLease> parse(const std::string& json, const std::string& where);
    /// The object to be written in its place; `member` empty takes the annotation away.
    std::string with(const LeaseRecord& record, const std::optional<LeaseMember>& member) const;
    /// A new object.
    static std::string create(const std::string& namespaceName, const std::string& name,
                              const LeaseRecord& record, const LeaseMember& member);
};

/// The wall clock's time as a Lease has it.
std::string leaseTime(std::chrono::system_clock::time_point time);
/// Nothing where it is no such time, or one that no renewal can be of: before 1970 or long after 2100.
std::optional<std::chrono::system_clock::time_point> parseLeaseTime(const std::string& text);

}  // namespace leader
