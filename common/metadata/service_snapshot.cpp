#include "common/metadata/service_snapshot.h"

#include <Poco/String.h>

namespace leader::metadata {
namespace {

bool sameName(const std::string& a, const std::string& b) {
    return Poco::icompare(a, b) == 0;
}

bool isCalled(const Container& container, const std::string& id) {
    return sameName(container.uuid, id) || sameName(container.name, id) || container.address == id;
}

Result<Container> findCalled(const std::vector<Container>& containers, const std::string& id,
                             const std::string& source) {
    const Container* found = nullptr;
    for (const Container& container : containers) {
        if (!isCalled(container, id)) continue;
        if (found != nullptr && found->uuid != container.uuid)
            return Error{source + ": '" + id + "' is both " + found->name + " (" + found->uuid + ") and " +
                         container.name + " (" + container.uuid + "); name this member by its uuid"};
        found = &container;
    }
    if (found == nullptr) return Error{source + ": no container has the uuid, name or address '" + id + "'"};
    return *found;
}

template <typename Matches>
Result<ServiceSnapshot> select(const std::vector<Container>& containers, const Matches& matches,
                               ServiceSnapshot snapshot) {
    for (const Container& container : containers) {
        if (!matches(container)) continue;
        if (!container.defect.empty()) return Error{container.defect};
        snapshot.members.push_back(container);
    }
    return snapshot;
}

Result<ServiceSnapshot> ownService(const std::vector<Container>& containers, const Container& self) {
    return select(containers, [&](const Container& other) { return sameService(self, other); },
                  {self.stack, self.service, self.uuid, {}});
}

Result<ServiceSnapshot> otherService(const std::vector<Container>& containers, const std::string& query,
                                     const std::string& selfUuid, const std::string& source) {
    const std::size_t slash = query.find('/');
    const std::string stack = slash == std::string::npos ? "" : query.substr(0, slash);
    const std::string service = slash == std::string::npos ? query : query.substr(slash + 1);
    const Container* first = nullptr;
    for (const Container& container : containers) {
        if (!sameName(container.service, service) || (!stack.empty() && !sameName(container.stack, stack)))
            continue;
        if (first == nullptr) first = &container;
        if (!sameService(*first, container))
            return Error{source + ": there are several services called '" + query + "', one in " +
                         first->stack + " and one in " + container.stack + "; name it as STACK/SERVICE"};
    }
    if (first == nullptr) return Error{source + ": no container belongs to a service '" + query + "'"};
    return select(containers, [&](const Container& other) { return sameService(*first, other); },
                  {first->stack, first->service, selfUuid, {}});
}

Result<Container> knownSelf(const Self& self, const std::string& source) {
    if (!self.container)
        return Error{source +
                     "/self: the container that asks is not known here (yet); with host networking, "
                     "say which it is with --self"};
    if (!self.container->defect.empty()) return Error{self.container->defect};
    if (self.container->service.empty())
        return Error{source + "/self: container " + self.container->name + " belongs to no service"};
    return *self.container;
}

}  // namespace

bool sameService(const Container& a, const Container& b) {
    return sameName(a.stack, b.stack) && sameName(a.service, b.service) &&
           (a.serviceUuid.empty() || b.serviceUuid.empty() || sameName(a.serviceUuid, b.serviceUuid));
}

Result<ServiceSnapshot> readService(DocumentSource& source, const ServiceQuery& query) {
    const std::string name = source.name();
    Result<Self> asked = query.self.empty() ? source.self() : Result<Self>(Self{});
    if (!asked) return asked.error();
    const bool own = query.service.empty();
    if (own && query.self.empty()) {
        const auto self = knownSelf(*asked, name);
        if (!self) return self.error();
        if (asked->members) return ownService(*asked->members, *self);
    }

    const auto containers = source.containers();
    if (!containers) return containers.error();
    if (!query.self.empty()) {
        auto called = findCalled(*containers, query.self, name);
        if (!called) return called.error();
        asked->container = std::move(*called);
    }
    if (!own) {
        const std::string selfUuid = asked->container ? asked->container->uuid : "";
        return otherService(*containers, query.service, selfUuid, name);
    }
    const auto self = knownSelf(*asked, name);
    return self ? ownService(*containers, *self) : self.error();
}

}  // namespace leader::metadata
