#include "tests/support/fake_etcd.h"

#include <Poco/Base64Decoder.h>
#include <Poco/Base64Encoder.h>
#include <Poco/JSON/Array.h>
#include <Poco/StreamCopier.h>

#include <algorithm>
#include <sstream>

#include "tests/support/json.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;
using Poco::JSON::Array;
using Poco::JSON::Object;

std::string base64(const std::string& bytes) {
    std::ostringstream out;
    Poco::Base64Encoder encoder(out);
    encoder.rdbuf()->setLineLength(0);
    encoder << bytes;
    encoder.close();
    return out.str();
}

std::string fromBase64(const std::string& text) {
    std::istringstream in(text);
    Poco::Base64Decoder decoder(in);
    std::string bytes;
    Poco::StreamCopier::copyToString(decoder, bytes);
    return bytes;
}

std::int64_t numberAt(const Object::Ptr& object, const std::string& member) {
    return object->has(member) ? object->get(member).convert<Poco::Int64>() : 0;
}

Object::Ptr wrapped(const std::string& name, const Poco::Dynamic::Var& value) {
    Object::Ptr object = new Object;
    object->set(name, value);
    return object;
}

}  // namespace

void FakeEtcd::setFault(Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
}

void FakeEtcd::setCluster(const std::string& id) {
    const std::lock_guard lock(mutex_);
    cluster_ = id;
}

void FakeEtcd::setTtl(int seconds) {
    const std::lock_guard lock(mutex_);
    ttl_ = seconds;
}

std::int64_t FakeEtcd::put(const std::string& key, const std::string& value) {
    const std::lock_guard lock(mutex_);
    return putLocked(key, value, 0);
}

void FakeEtcd::remove(const std::string& key) {
    const std::lock_guard lock(mutex_);
    removeLocked(key);
}

void FakeEtcd::revoke(std::int64_t lease) {
    const std::lock_guard lock(mutex_);
    revokeLocked(lease);
}

void FakeEtcd::revokeLocked(std::int64_t lease) {
    leases_.erase(std::remove(leases_.begin(), leases_.end(), lease), leases_.end());
    std::vector<std::string> gone;
    for (const auto& [key, stored] : keys_)
        if (stored.lease == lease) gone.push_back(key);
    for (const std::string& key : gone) removeLocked(key);
}

std::string FakeEtcd::valueOf(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(key);
    return found == keys_.end() ? "" : found->second.value;
}

std::vector<std::string> FakeEtcd::keys() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [key, stored] : keys_) all.push_back(key);
    return all;
}

std::vector<std::int64_t> FakeEtcd::leases() const {
    const std::lock_guard lock(mutex_);
    return leases_;
}

void FakeEtcd::compact() {
    const std::lock_guard lock(mutex_);
    history_.clear();
    compacted_ = revision_;
    compactedAt_ = ++watchGeneration_;
    changed_.notify_all();
}

void FakeEtcd::endWatches() {
    const std::lock_guard lock(mutex_);
    ++watchGeneration_;
    changed_.notify_all();
}

void FakeEtcd::say(const std::string& line) {
    const std::lock_guard lock(mutex_);
    saying_ = line;
    ++sayings_;
    changed_.notify_all();
}

int FakeEtcd::watches() const {
    const std::lock_guard lock(mutex_);
    return watches_;
}

std::vector<std::string> FakeEtcd::requests() const {
    std::vector<std::string> paths;
    for (const Request& request : server_.requests()) paths.push_back(request.path.substr(4));
    return paths;
}

std::size_t FakeEtcd::requests(const std::string& path) const {
    const auto all = requests();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), path));
}

void FakeEtcd::handle(const Request& request, Peer& peer) {
    Fault fault;
    {
        const std::lock_guard lock(mutex_);
        fault = fault_;
    }
    if (fault && fault(request, peer)) return;
    const Message asked = parseJson(request.body);
    const std::string path = request.path.substr(4);
    if (path == "watch") return watch(peer, numberAt(asked->getObject("create_request"), "start_revision"));
    std::string body;
    {
        const std::lock_guard lock(mutex_);
        body = textOf(answer(path, asked));
    }
    peer.answer(200, body);
}

FakeEtcd::Message FakeEtcd::answer(const std::string& path, const Message& asked) {
    Message said = wrapped("header", header());
    if (path == "lease/grant") {
        leases_.push_back(nextLease_);
        said->set("ID", std::to_string(nextLease_++));
        said->set("TTL", std::to_string(ttl_ > 0 ? ttl_ : numberAt(asked, "TTL")));
        ttl_ = static_cast<int>(numberAt(said, "TTL"));
    } else if (path == "lease/keepalive") {
        const std::int64_t lease = numberAt(asked, "ID");
        said->set("ID", std::to_string(lease));
        if (std::find(leases_.begin(), leases_.end(), lease) != leases_.end())
            said->set("TTL", std::to_string(ttl_));
        said = wrapped("result", said);
    } else if (path == "lease/revoke") {
        revokeLocked(numberAt(asked, "ID"));
    } else if (path == "kv/txn") {
        said = transaction(asked);
    } else if (path == "kv/range") {
        said = range();
    }
    return said;
}

FakeEtcd::Message FakeEtcd::transaction(const Message& asked) {
    const Message compare = asked->getArray("compare")->getObject(0);
    const std::string key = fromBase64(compare->getValue<std::string>("key"));
    const auto stored = keys_.find(key);
    const std::int64_t created = stored == keys_.end() ? 0 : stored->second.created;
    const bool succeeded = created == numberAt(compare, "create_revision");
    Array::Ptr responses = new Array;
    const Array::Ptr operations = asked->getArray(succeeded ? "success" : "failure");
    for (unsigned i = 0; operations && i < operations->size(); ++i) {
        const Message operation = operations->getObject(i);
        if (const Message put = operation->getObject("request_put")) {
            putLocked(key, fromBase64(put->getValue<std::string>("value")), numberAt(put, "lease"));
            responses->add(wrapped("response_put", wrapped("header", header())));
        } else {
            responses->add(wrapped("response_range", range()));
        }
    }
    Message said = wrapped("header", header());
    if (succeeded) said->set("succeeded", true);
    said->set("responses", responses);
    return said;
}

FakeEtcd::Message FakeEtcd::range() const {
    Array::Ptr all = new Array;
    for (const auto& [key, stored] : keys_) all->add(message(key, stored));
    Message said = wrapped("header", header());
    if (all->size() > 0) said->set("kvs", all);
    return said;
}

FakeEtcd::Message FakeEtcd::header() const {
    Message said = new Object;
    said->set("cluster_id", cluster_);
    said->set("member_id", "1");
    said->set("revision", std::to_string(revision_));
    return said;
}

FakeEtcd::Message FakeEtcd::message(const std::string& key, const Key& stored) const {
    Message said = new Object;
    said->set("key", base64(key));
    said->set("value", base64(stored.value));
    said->set("create_revision", std::to_string(stored.created));
    said->set("mod_revision", std::to_string(stored.modified));
    said->set("lease", std::to_string(stored.lease));
    return said;
}

std::int64_t FakeEtcd::putLocked(const std::string& key, const std::string& value, std::int64_t lease) {
    ++revision_;
    Key& stored = keys_[key];
    if (stored.created == 0) stored.created = revision_;
    stored.value = value;
    stored.modified = revision_;
    stored.lease = lease;
    history_[revision_] = textOf(wrapped("kv", message(key, stored)));
    changed_.notify_all();
    return stored.created;
}

void FakeEtcd::removeLocked(const std::string& key) {
    if (keys_.erase(key) == 0) return;
    Message kv = wrapped("key", base64(key));
    kv->set("mod_revision", std::to_string(++revision_));
    Message event = wrapped("type", "DELETE");
    event->set("kv", kv);
    history_[revision_] = textOf(event);
    changed_.notify_all();
}

void FakeEtcd::watch(Peer& peer, std::int64_t from) {
    std::unique_lock lock(mutex_);
    const auto line = [&](const std::string& rest) {
        const std::string text = "{\"result\":{\"header\":" + textOf(header()) + "," + rest + "}}\n";
        lock.unlock();
        peer.chunk(text);
        lock.lock();
    };
    peer.startChunks();
    line("\"created\":true");
    ++watches_;
    const std::uint64_t generation = watchGeneration_;
    const bool tooOld = from <= compacted_;
    std::uint64_t heard = sayings_;
    for (bool open = true; open && generation == watchGeneration_ && !tooOld;) {
        for (auto next = history_.lower_bound(from); next != history_.end();
             next = history_.lower_bound(from)) {
            from = next->first + 1;
            line("\"events\":[" + next->second + "]");
        }
        if (heard != sayings_) {
            heard = sayings_;
            const std::string said = saying_;
            lock.unlock();
            peer.chunk(said + "\n");
            lock.lock();
        }
        changed_.wait_for(lock, 5ms);
        lock.unlock();
        open = peer.pause(0ms);
        lock.lock();
    }
    --watches_;
    if (from <= compacted_ || compactedAt_ == watchGeneration_)
        line("\"canceled\":true,\"compact_revision\":\"" + std::to_string(compacted_) + "\"");
    lock.unlock();
    peer.close();
}

}  // namespace leader::test
