#include "common/election/kubernetes_lease.h"

#include <Poco/DateTimeFormatter.h>
#include <Poco/DateTimeParser.h>
#include <Poco/Exception.h>
#include <Poco/RegularExpression.h>

#include <algorithm>

#include "common/metadata/json.h"

namespace leader {
namespace {

namespace json = metadata::json;
using json::Object;
using json::textOf;
using std::chrono::microseconds;
using std::chrono::system_clock;

// What anybody may write there; so far from each other two times can be subtracted.
constexpr microseconds kLatestTime = std::chrono::hours(24 * 365 * 200);

std::int64_t number(const Poco::JSON::Object& parent, const std::string& key, const std::string& path) {
    const Poco::Dynamic::Var value = parent.get(key);
    if (value.isEmpty()) return 0;
    if (!value.isInteger())
        throw Poco::DataFormatException(path + "/" + key + ": is " + json::kindOf(value) +
                                        ", not a whole number");
    return value.convert<std::int64_t>();
}

/// Nothing where it is not one of ours: anybody may write an annotation.
std::optional<LeaseMember> parseMember(const std::string& text) {
    try {
        const Object object = json::asObject(json::parse(text, "member"), "member");
        return LeaseMember{json::text(*object, "name", ""), json::text(*object, "address", ""),
                           json::text(*object, "uuid", ""), number(*object, "term", "")};
    } catch (const Poco::Exception&) {
        return {};
    }
}

std::string textOf(const LeaseMember& member) {
    Poco::JSON::Object object;
    object.set("name", member.name);
    object.set("address", member.address);
    object.set("uuid", member.uuid);
    object.set("term", member.term);
    return textOf(object);
}

LeaseRecord recordIn(const Poco::JSON::Object& spec, const std::string& path) {
    const auto seconds = number(spec, "leaseDurationSeconds", path);
    return {
        json::text(spec, "holderIdentity", path),
        std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, std::numeric_limits<std::int32_t>::max())),
        json::text(spec, "acquireTime", path), json::text(spec, "renewTime", path),
        number(spec, "leaseTransitions", path)};
}

void put(const LeaseRecord& record, Poco::JSON::Object& spec) {
    spec.set("holderIdentity", record.holder);
    spec.set("leaseDurationSeconds", record.duration.count());
    spec.set("acquireTime", record.acquireTime);
    spec.set("renewTime", record.renewTime);
    spec.set("leaseTransitions", record.transitions);
}

Object objectIn(Poco::JSON::Object& parent, const std::string& key) {
    Object found = json::object(parent, key, "");
    if (found) return found;
    found = new Poco::JSON::Object;
    parent.set(key, found);
    return found;
}

}  // namespace

Result<KubernetesLease> KubernetesLease::parse(const std::string& text, const std::string& where) {
    try {
        const Object object = json::asObject(json::parse(text, where), where);
        const Object metadata = json::object(*object, "metadata", where);
        if (!metadata) return Error{where + ": is no Lease: it has no metadata"};
        KubernetesLease lease;
        lease.json = text;
        lease.resourceVersion = json::text(*metadata, "resourceVersion", where + "/metadata");
        if (lease.resourceVersion.empty()) return Error{where + ": is no Lease: it has no resourceVersion"};
        if (const Object spec = json::object(*object, "spec", where))
            lease.record = recordIn(*spec, where + "/spec");
        if (const Object annotations = json::object(*metadata, "annotations", where + "/metadata"))
            lease.member = parseMember(json::text(*annotations, kAnnotation, where));
        const LeaseRecord& record = lease.record;
        if (lease.member && (lease.member->term != record.transitions ||
                             (!record.holder.empty() && lease.member->name != record.holder)))
            lease.member.reset();
        return lease;
    } catch (const Poco::Exception& e) {
        return Error{e.message()};
    }
}

std::string KubernetesLease::with(const LeaseRecord& newRecord,
                                  const std::optional<LeaseMember>& newMember) const {
    Object object = json::asObject(json::parse(json, "Lease"), "Lease");
    Object spec = objectIn(*object, "spec");
    put(newRecord, *spec);
    Object metadata = objectIn(*object, "metadata");
    Object annotations = objectIn(*metadata, "annotations");
    if (newMember)
        annotations->set(kAnnotation, textOf(*newMember));
    else
        annotations->remove(kAnnotation);
    return textOf(*object);
}

std::string KubernetesLease::create(const std::string& namespaceName, const std::string& name,
                                    const LeaseRecord& record, const LeaseMember& member) {
    KubernetesLease empty;
    Poco::JSON::Object object;
    object.set("apiVersion", "coordination.k8s.io/v1");
    object.set("kind", "Lease");
    Object metadata = objectIn(object, "metadata");
    metadata->set("namespace", namespaceName);
    metadata->set("name", name);
    empty.json = textOf(object);
    return empty.with(record, member);
}

std::string leaseTime(system_clock::time_point time) {
    const auto since = std::chrono::duration_cast<microseconds>(time.time_since_epoch());
    return Poco::DateTimeFormatter::format(Poco::Timestamp(since.count()), "%Y-%m-%dT%H:%M:%S.%FZ");
}

std::optional<system_clock::time_point> parseLeaseTime(const std::string& text) {
    Poco::DateTime parsed;
    int differential = 0;
    static const Poco::RegularExpression pattern(
        "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[-+]\\d\\d:\\d\\d)");
    if (!pattern.match(text) ||
        !Poco::DateTimeParser::tryParse("%Y-%m-%dT%H:%M:%s%z", text, parsed, differential))
        return {};
    parsed.makeUTC(differential);
    const microseconds sinceEpoch(parsed.timestamp().epochMicroseconds());
    if (sinceEpoch < microseconds::zero() || sinceEpoch > kLatestTime) return {};
    return system_clock::time_point(sinceEpoch);
}

}  // namespace leader
