#include "tests/support/environment.h"

#include <Poco/JSON/Parser.h>
#include <Poco/String.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace leader::test {
namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

constexpr const char* kHostUuid = "515ef0f5-9826-4b07-b041-db0785098661";

std::string named(const std::string& name, const std::string& version) {
    return version == Environment::kNewest ? Poco::toLower(name) : name;
}

std::string serviceUuidOf(const Container& container) {
    if (!container.serviceUuid.empty()) return container.serviceUuid;
    return "service-" + Poco::toLower(container.stack + "-" + container.service);
}

Object::Ptr hostObject() {
    Object::Ptr host = new Object;
    host->set("name", "host1");
    host->set("uuid", kHostUuid);
    host->set("agent_ip", "172.16.0.1");
    return host;
}

Object::Ptr containerObject(const Container& container, const std::string& version) {
    Object::Ptr out = new Object;
    const bool ofService = !container.service.empty();
    const auto orNull = [&](const std::string& text) {
        return ofService ? Var(named(text, version)) : Var();
    };
    out->set("name", named(container.name, version));
    out->set("uuid", container.uuid);
    out->set("primary_ip", container.address);
    out->set("create_index", container.createIndex);
    out->set("stack_name", orNull(container.stack));
    out->set("service_name", orNull(container.service));
    out->set("service_uuid", ofService ? Var(serviceUuidOf(container)) : Var());
    out->set("state", container.state);
    out->set("health_state", container.health);
    out->set("host_uuid", kHostUuid);
    out->set("start_count", 1);
    Array::Ptr addresses = new Array;
    addresses->add(container.address);
    out->set("ips", addresses);
    Object::Ptr labels = new Object;
    if (ofService) {
        labels->set("io.rancher.stack.name", container.stack);
        labels->set("io.rancher.stack_service.name", container.stack + "/" + container.service);
        labels->set("io.rancher.container.pull_image", "always");
    }
    out->set("labels", labels);
    for (const auto& field : container.without) out->remove(field);
    return out;
}

/// One version's services, each with its containers in the shape wanted.
class Services {
  public:
    Services(const std::string& version, Environment::Shape shape) : version_(version), shape_(shape) {}

    Object::Ptr of(const Container& container) {
        // The uuid alone would merge a sidekick with its primary.
        auto& service = services_[serviceUuidOf(container) + "/" + Poco::toLower(container.service)];
        if (service) return service;
        service = new Object;
        service->set("name", named(container.service, version_));
        service->set("stack_name", named(container.stack, version_));
        service->set("uuid", serviceUuidOf(container));
        service->set("kind", "service");
        service->set("scale", 1);
        if (shape_ != Environment::Shape::kAbsent) service->set("containers", Array::Ptr(new Array));
        stackOf(container)->getArray("services")->add(service->get("name"));
        list->add(service);
        return service;
    }

    void add(const Container& container, const Object::Ptr& object) {
        const auto service = of(container);
        if (shape_ == Environment::Shape::kNames) service->getArray("containers")->add(object->get("name"));
        if (shape_ == Environment::Shape::kObjects) service->getArray("containers")->add(object);
    }

    Object::Ptr stackOf(const Container& container) {
        auto& stack = stacks_[Poco::toLower(container.stack)];
        if (stack) return stack;
        stack = new Object;
        stack->set("name", named(container.stack, version_));
        stack->set("environment_name", "Default");
        stack->set("services", Array::Ptr(new Array));
        stacks->add(stack);
        return stack;
    }

    Array::Ptr list = new Array;
    Array::Ptr stacks = new Array;

  private:
    std::string version_;
    Environment::Shape shape_;
    std::map<std::string, Object::Ptr> services_;
    std::map<std::string, Object::Ptr> stacks_;
};

}  // namespace

Container Container::number(int n) {
    char uuid[40];
    std::snprintf(uuid, sizeof uuid, "00000000-0000-4000-8000-%012d", n);
    Container made;
    made.name = "web-app-" + std::to_string(n);
    made.uuid = uuid;
    made.address = "10.42." + std::to_string(n / 250) + "." + std::to_string(n % 250);
    made.createIndex = n;
    return made;
}

Environment& Environment::add(Container container) {
    containers_.push_back(std::move(container));
    return *this;
}

Environment& Environment::addMembers(int n) {
    for (int i = 1; i <= n; ++i) add(Container::number(i));
    return *this;
}

Environment& Environment::addCrowd(int n) {
    const int first = static_cast<int>(containers_.size()) + 1;
    for (int i = first; i < first + n; ++i) {
        auto made = Container::number(i);
        made.stack = "crowd" + std::to_string(i % 100);
        made.service = "service" + std::to_string(i / 5);
        made.name = made.stack + "-" + made.service + "-" + std::to_string(i);
        add(std::move(made));
    }
    return *this;
}

Environment& Environment::versions(std::vector<std::string> versions) {
    versions_ = std::move(versions);
    return *this;
}

Environment& Environment::shape(Shape shape) {
    shape_ = shape;
    return *this;
}

Environment& Environment::hostForStrangers() {
    hostForStrangers_ = true;
    return *this;
}

Container& Environment::container(const std::string& name) {
    const auto found = std::find_if(containers_.begin(), containers_.end(),
                                    [&](const Container& each) { return each.name == name; });
    if (found == containers_.end()) throw std::out_of_range("no container " + name);
    return *found;
}

Environment& Environment::remove(const std::string& name) {
    const auto* wanted = &container(name);
    containers_.erase(containers_.begin() + (wanted - containers_.data()));
    return *this;
}

Answers Environment::answers() const {
    Answers out = new Object;
    for (const auto& version : versions_) out->set(version, tree(version));
    return out;
}

Object::Ptr Environment::tree(const std::string& version) const {
    const auto shape = shape_.value_or(version == kOldest ? Shape::kNames : Shape::kObjects);
    const auto host = hostObject();
    Services services(version, shape);
    Array::Ptr all = new Array;
    Object::Ptr clients = new Object;
    for (const auto& container : containers_) {
        const auto object = containerObject(container, version);
        all->add(object);
        const bool ofService = !container.service.empty();
        if (ofService) services.add(container, object);
        if (container.hostNetworked || container.address.empty()) continue;
        Object::Ptr self = new Object;
        self->set("container", object);
        self->set("service", ofService ? Var(services.of(container)) : Var());
        self->set("stack", ofService ? Var(services.stackOf(container)) : Var());
        self->set("host", host);
        Object::Ptr client = new Object;
        client->set("self", self);
        clients->set(container.address, client);
    }
    Array::Ptr hosts = new Array;
    hosts->add(host);
    Object::Ptr defaults = new Object;
    defaults->set("containers", all);
    defaults->set("services", services.list);
    defaults->set("stacks", services.stacks);
    defaults->set("hosts", hosts);
    if (hostForStrangers_) {
        Object::Ptr self = new Object;
        self->set("host", host);
        defaults->set("self", self);
    }
    clients->set("default", defaults);
    return clients;
}

Answers loadAnswers(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    Poco::JSON::Parser parser;
    return parser.parse(file).extract<Object::Ptr>();
}

void saveAnswers(const Answers& answers, const std::string& path) {
    const std::string draft = path + ".draft";
    {
        std::ofstream file(draft);
        answers->stringify(file);
        if (!file.flush()) throw std::runtime_error("cannot write " + draft);
    }
    if (std::rename(draft.c_str(), path.c_str()) != 0) throw std::runtime_error("cannot rename to " + path);
}

}  // namespace leader::test
