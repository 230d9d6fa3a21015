#include "common/election/etcd_client.h"

#include <Poco/Base64Decoder.h>
#include <Poco/Base64Encoder.h>
#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/StreamCopier.h>

#include <algorithm>
#include <limits>
#include <sstream>

namespace leader {
namespace {

using Poco::JSON::Array;
using Object = EtcdGateway::Object;
using metadata::json::textOf;

constexpr const char* kTransactionPath = "/v3/kv/txn";

std::string base64(const std::string& bytes) {
    std::ostringstream out;
    Poco::Base64Encoder encoder(out);
    encoder.rdbuf()->setLineLength(0);
    encoder.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    encoder.close();
    return out.str();
}

std::string fromBase64(const std::string& text) {
    std::istringstream in(text);
    Poco::Base64Decoder decoder(in);
    std::string bytes;
    Poco::StreamCopier::copyToString(decoder, bytes);
    if (decoder.bad()) throw Poco::DataFormatException("'" + text + "' is not base64");
    return bytes;
}

using Members = std::initializer_list<std::pair<const char*, Poco::Dynamic::Var>>;

Object object(Members members) {
    Object made = new Poco::JSON::Object;
    for (const auto& [name, value] : members) made->set(name, value);
    return made;
}

// 64-bit numbers are strings in JSON, as JavaScript's have 53 bits; zero is left out.
std::string number(std::int64_t value) {
    return std::to_string(value);
}
std::int64_t numberAt(const Object& message, const char* member) {
    const Poco::Dynamic::Var value = message->get(member);
    return value.isEmpty() ? 0 : value.convert<Poco::Int64>();
}
/// A revision that another one can follow.
std::int64_t revisionAt(const Object& message, const char* member) {
    const std::int64_t revision = numberAt(message, member);
    if (revision < 0 || revision == std::numeric_limits<std::int64_t>::max())
        throw Poco::DataFormatException(std::string(member) + ": " + std::to_string(revision) + " is none");
    return revision;
}
std::string bytesAt(const Object& message, const char* member) {
    const Poco::Dynamic::Var value = message->get(member);
    return value.isEmpty() ? "" : fromBase64(value.convert<std::string>());
}
Object member(const Object& message, const char* name) {
    Object found = message->getObject(name);
    if (!found) throw Poco::DataFormatException(std::string("there is no ") + name);
    return found;
}

/// All keys that start with the prefix, which must not end with 0xff.
Object rangeOf(const std::string& prefix) {
    std::string end = prefix;
    ++end.back();
    return object({{"key", base64(prefix)}, {"range_end", base64(end)}});
}

EtcdKey keyFrom(const Object& message) {
    return {bytesAt(message, "key"), bytesAt(message, "value"), revisionAt(message, "create_revision"),
            revisionAt(message, "mod_revision")};
}

template <typename Visit>
void forEach(const Object& message, const char* member, Visit visit) {
    const Array::Ptr array = message->getArray(member);
    for (unsigned i = 0; array && i < array->size(); ++i) {
        const Object element = array->getObject(i);
        if (!element) throw Poco::DataFormatException(std::string(member) + " holds what is no object");
        visit(element);
    }
}

EtcdState stateFrom(const Object& range, const Object& header) {
    EtcdState state;
    state.revision = revisionAt(header, "revision");
    forEach(range, "kvs", [&](const Object& key) { state.keys.push_back(keyFrom(key)); });
    return state;
}

// What is longer than any lease asked for, and than the clock could count, is as good as this.
constexpr std::chrono::seconds kLongestLease = std::chrono::hours(24 * 3653);

EtcdLease leaseFrom(const Object& answer) {
    const std::int64_t seconds = std::clamp<std::int64_t>(numberAt(answer, "TTL"), 0, kLongestLease.count());
    return {numberAt(answer, "ID"), std::chrono::seconds(seconds)};
}

Error notEtcds(const std::string& where, const std::string& why) {
    return Error{where + ": the answer is not etcd's: " + why};
}

/// Reads an answer; what is not there as it should be is an error that says where.
template <typename T, typename Read>
Result<T> parsed(const Object& answer, const std::string& where, Read read) {
    try {
        return T(read(answer));
    } catch (const Poco::Exception& e) {
        return notEtcds(where, e.message());
    }
}

std::optional<Error> failureOf(const Result<Object>& answer) {
    if (answer) return {};
    return answer.error();
}

Object put(const std::string& key, const std::string& value, std::int64_t lease) {
    return object({{"request_put",
                    object({{"key", base64(key)}, {"value", base64(value)}, {"lease", number(lease)}})}});
}

Array::Ptr listOf(std::initializer_list<Object> objects) {
    Array::Ptr list = new Array;
    for (const Object& each : objects) list->add(each);
    return list;
}

Array::Ptr ifCreatedAt(const std::string& key, std::int64_t revision) {
    return listOf({object({{"key", base64(key)},
                           {"target", "CREATE"},
                           {"result", "EQUAL"},
                           {"create_revision", number(revision)}})});
}

}  // namespace

template <typename T, typename Read>
Result<T> EtcdClient::ask(const std::string& path, const Object& request, Read read) {
    const auto answer = gateway_.call(path, textOf(*request));
    if (!answer) return answer.error();
    return parsed<T>(*answer, gateway_.url() + path, read);
}

Result<EtcdLease> EtcdClient::grant(std::chrono::seconds ttl) {
    const char* path = "/v3/lease/grant";
    auto lease = ask<EtcdLease>(path, object({{"TTL", number(ttl.count())}}), leaseFrom);
    if (lease && (lease->id <= 0 || lease->ttl <= Duration::zero()))
        return notEtcds(gateway_.url() + path, "there is no lease in it");
    return lease;
}

Result<EtcdLease> EtcdClient::keepAlive(std::int64_t lease) {
    return ask<EtcdLease>("/v3/lease/keepalive", object({{"ID", number(lease)}}), leaseFrom);
}

std::optional<Error> EtcdClient::revoke(std::int64_t lease) {
    return failureOf(gateway_.call("/v3/lease/revoke", textOf(*object({{"ID", number(lease)}}))));
}

Result<EtcdState> EtcdClient::create(const std::string& key, const std::string& value, std::int64_t lease,
                                     const std::string& prefix) {
    const Object read = object({{"request_range", rangeOf(prefix)}});
    const Object request = object({{"compare", ifCreatedAt(key, 0)},
                                   {"success", listOf({put(key, value, lease), read})},
                                   {"failure", listOf({read})}});
    return ask<EtcdState>(kTransactionPath, request, [](const Object& answer) {
        Object range;
        forEach(answer, "responses", [&](const Object& response) {
            if (response->has("response_range")) range = member(response, "response_range");
        });
        if (!range) throw Poco::DataFormatException("there is no response_range");
        return stateFrom(range, member(answer, "header"));
    });
}

std::optional<Error> EtcdClient::replace(const std::string& key, std::int64_t createRevision,
                                         const std::string& value, std::int64_t lease) {
    return failureOf(
        gateway_.call(kTransactionPath, textOf(*object({{"compare", ifCreatedAt(key, createRevision)},
                                                        {"success", listOf({put(key, value, lease)})}}))));
}

Result<EtcdState> EtcdClient::range(const std::string& prefix) {
    return ask<EtcdState>("/v3/kv/range", rangeOf(prefix),
                          [](const Object& answer) { return stateFrom(answer, member(answer, "header")); });
}

std::optional<Error> EtcdClient::watch(const std::string& prefix, Duration silence) {
    Object create = rangeOf(prefix);
    create->set("start_revision", number(nextRevision_));
    create->set("progress_notify", true);
    return gateway_.openWatch(textOf(*object({{"create_request", create}})), silence);
}

Result<std::optional<EtcdNews>> EtcdClient::news(Instant until) {
    const auto message = gateway_.nextOfWatch(until);
    if (!message) return message.error();
    if (!message->has_value()) return std::optional<EtcdNews>();
    const Object& answer = **message;
    const auto news = parsed<EtcdNews>(answer, gateway_.url() + "/v3/watch", [&](const Object& said) {
        EtcdNews read;
        forEach(said, "events", [&](const Object& event) {
            read.events.push_back(
                {event->optValue<std::string>("type", "PUT") == "DELETE", keyFrom(member(event, "kv"))});
        });
        const std::int64_t revision = revisionAt(member(said, "header"), "revision");
        const bool created = said->optValue("created", false);
        if (said->optValue("canceled", false)) {
            if (numberAt(said, "compact_revision") == 0)
                throw Poco::DataFormatException(
                    "the watch was cancelled: " +
                    said->optValue<std::string>("cancel_reason", "no reason given"));
            read.gap = true;
        } else if (created) {
            // A store that was emptied begins at revision 1 again, and its news would be waited for in vain.
            read.gap = revision < nextRevision_ - 1;
        } else {
            nextRevision_ = (read.events.empty() ? revision : read.events.back().key.modRevision) + 1;
        }
        return read;
    });
    if (!news) {
        gateway_.dismissWatch();
        return news.error();
    }
    if (news->gap) gateway_.closeWatch();
    return std::optional<EtcdNews>(*news);
}

}  // namespace leader
