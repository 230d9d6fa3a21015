#include "tests/support/fake_kubernetes.h"

#include <Poco/URI.h>

#include <algorithm>
#include <fstream>

#include "tests/support/json.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

const std::string kCollection = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const std::string kLease = kCollection + "/db";

std::string eventOf(const std::string& type, const std::string& object) {
    return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}

}  // namespace

FakeKubernetes::FakeKubernetes()
    : tokenFile_(authority_.file() + ".token"),
      server_([this](const Request& request, Peer& peer) { handle(request, peer); }),
      front_(server_.port(), {authority_.issue("/CN=api", "IP:127.0.0.1")}) {
    std::ofstream(tokenFile_) << "the-token\n";
}

void FakeKubernetes::setFault(Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
}

void FakeKubernetes::refuse(Peer& peer, int code, const std::string& message, const std::string& headers) {
    peer.answer(code,
                R"({"kind":"Status","status":"Failure","message":")" + message + R"(","code":)" +
                    std::to_string(code) + "}",
                headers);
}

void FakeKubernetes::handle(const Request& request, Peer& peer) {
    Fault fault;
    {
        const std::lock_guard lock(mutex_);
        fault = fault_;
    }
    if (fault && fault(request, peer)) return;
    if (isWatch(request)) return watch(request, peer);
    if (request.method != "GET") return write(request, peer);
    const std::lock_guard lock(mutex_);
    if (request.path != kLease || !lease_) return refuse(peer, 404, "not found");
    peer.answer(200, *lease_);
}

void FakeKubernetes::write(const Request& request, Peer& peer) {
    const auto object = parseJson(request.body);
    const std::lock_guard lock(mutex_);
    const auto metadata = object->getObject("metadata");
    const std::string expected = metadata->optValue<std::string>("resourceVersion", "");
    const bool creates = request.method == "POST";
    if (creates == lease_.has_value() || (!creates && expected != std::to_string(leaseVersion_)))
        return refuse(peer, 409, "the object has been modified");
    const auto annotations = metadata->getObject("annotations");
    store(textOf(object->getObject("spec")), annotations ? textOf(annotations) : "{}");
    peer.answer(creates ? 201 : 200, *lease_);
}

void FakeKubernetes::store(const std::string& spec, const std::string& annotations) {
    const std::string type = lease_ ? "MODIFIED" : "ADDED";
    leaseVersion_ = ++version_;
    lease_ =
        R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"db","namespace":"default",)"
        R"("resourceVersion":")" +
        std::to_string(leaseVersion_) + R"(","annotations":)" + annotations + R"(},"spec":)" + spec + "}";
    events_.push_back({version_, eventOf(type, *lease_)});
}

void FakeKubernetes::put(const std::string& spec, const std::string& annotations) {
    const std::lock_guard lock(mutex_);
    store(spec, annotations);
}

void FakeKubernetes::remove() {
    const std::lock_guard lock(mutex_);
    events_.push_back({++version_, eventOf("DELETED", *lease_)});
    lease_.reset();
}

std::string FakeKubernetes::lease() const {
    const std::lock_guard lock(mutex_);
    return lease_.value_or("");
}

void FakeKubernetes::tell(const std::string& line) {
    const std::lock_guard lock(mutex_);
    events_.push_back({++version_, line + "\n"});
}

void FakeKubernetes::endWatches() {
    const std::lock_guard lock(mutex_);
    ++ends_;
}

void FakeKubernetes::compact() {
    const std::lock_guard lock(mutex_);
    compacted_ = ++version_;
    ++ends_;
}

void FakeKubernetes::watch(const Request& request, Peer& peer) {
    int from = 0;
    for (const auto& [key, value] : Poco::URI(request.path).getQueryParameters())
        if (key == "resourceVersion") from = std::atoi(value.c_str());
    std::size_t next = 0;
    int ends = 0;
    {
        const std::lock_guard lock(mutex_);
        ends = ends_;
        ++watching_;
        peer.startChunks();
        if (from == 0 && lease_) peer.chunk(eventOf("ADDED", *lease_));
        if (from == 0) from = version_;
        next = static_cast<std::size_t>(
            std::count_if(events_.begin(), events_.end(), [&](const Event& e) { return e.version <= from; }));
    }
    for (bool open = true; open; open = open && peer.pause(1ms)) {
        const std::lock_guard lock(mutex_);
        if (from < compacted_) {
            peer.chunk(
                eventOf("ERROR", R"({"kind":"Status","code":410,"message":"too old resource version"})"));
            open = false;
        }
        for (; open && next < events_.size(); ++next) open = peer.chunk(events_[next].line);
        if (ends != ends_) open = false;
    }
    peer.send("0\r\n\r\n");
    const std::lock_guard lock(mutex_);
    --watching_;
}

int FakeKubernetes::count(const std::string& what) const {
    const auto all = server_.requests();
    return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const Request& request) {
        const std::string method = isWatch(request) ? "WATCH" : request.method;
        return (method + " " + request.path).rfind(what, 0) == 0;
    }));
}

int FakeKubernetes::watching() const {
    const std::lock_guard lock(mutex_);
    return watching_;
}

}  // namespace leader::test
