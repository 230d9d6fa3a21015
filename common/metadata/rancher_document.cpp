#include "common/metadata/rancher_document.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>

#include <array>
#include <charconv>

#include "common/metadata/json.h"

namespace leader::metadata {
namespace {

// What a message shows of a value that is no number.
constexpr std::size_t kLongestShown = 40;

// A number in some versions, a decimal string in others, null for containers that stand alone. Poco reads
// what does not fit a signed number as an unsigned one, 2^64 as 0 even: those are refused with the rest.
void readCreateIndex(const Poco::JSON::Object& object, const std::string& path, Container& container) {
    const Poco::Dynamic::Var value = object.get("create_index");
    if (value.isEmpty()) return;
    const bool mayBeOne = value.isString() || (value.isInteger() && value.isSigned());
    const std::string text = value.isString() || value.isNumeric() ? value.toString() : json::kindOf(value);
    const char* const end = text.data() + text.size();
    std::int64_t index = -1;
    const auto [stop, error] = std::from_chars(text.data(), end, index);
    if (mayBeOne && error == std::errc() && stop == end && index >= 0)
        container.createIndex = index;
    else
        container.defect = path + "/create_index: '" + text.substr(0, kLongestShown) +
                           "' is not a whole number from 0 to 2^63-1";
}

struct TextField {
    const char* key;
    std::string Container::*member;
};

constexpr std::array kTextFields = {
    TextField{"uuid", &Container::uuid},
    TextField{"name", &Container::name},
    TextField{"primary_ip", &Container::address},
    TextField{"stack_name", &Container::stack},
    TextField{"service_name", &Container::service},
    TextField{"service_uuid", &Container::serviceUuid},
    TextField{"state", &Container::state},
    TextField{"health_state", &Container::health},
};

void readText(const Poco::JSON::Object& object, const std::string& path, const TextField& field,
              Container& container) {
    try {
        container.*field.member = json::text(object, field.key, path);
    } catch (const Poco::DataFormatException& e) {
        container.defect = e.message();
    }
}

Container readContainer(const Poco::JSON::Object& object, const std::string& path) {
    Container container;
    for (const TextField& field : kTextFields) readText(object, path, field, container);
    readCreateIndex(object, path, container);
    if (container.uuid.empty() && container.defect.empty()) container.defect = path + "/uuid: is missing";
    return container;
}

std::vector<Container> readArray(const Poco::JSON::Array& array, const std::string& path) {
    std::vector<Container> containers;
    for (std::size_t i = 0; i < array.size(); ++i) {
        const std::string element = path + "/" + std::to_string(i);
        containers.push_back(readContainer(*json::asObject(array.get(i), element), element));
    }
    return containers;
}

bool listsObjects(const Poco::Dynamic::Var& list) {
    if (list.isEmpty() || list.type() != typeid(Poco::JSON::Array::Ptr)) return false;
    const auto& array = list.extract<Poco::JSON::Array::Ptr>();
    return array->size() > 0 && array->isObject(0);
}

Self readSelfObject(const Poco::JSON::Object& object, const std::string& path) {
    Self self;
    if (const auto container = json::object(object, "container", path))
        self.container = readContainer(*container, path + "/container");
    const auto service = json::object(object, "service", path);
    if (service && listsObjects(service->get("containers")))
        self.members = readArray(*service->getArray("containers"), path + "/service/containers");
    return self;
}

template <typename T, typename Read>
Result<T> caught(const Read& read) {
    try {
        return read();
    } catch (const Poco::Exception& e) {
        return Error{e.message()};
    }
}

}  // namespace

Result<Self> readSelf(const Poco::Dynamic::Var& value, const std::string& path) {
    return caught<Self>([&] { return readSelfObject(*json::asObject(value, path), path); });
}

Result<Self> parseSelf(const std::string& json, const std::string& path) {
    return caught<Self>([&] { return readSelfObject(*json::asObject(json::parse(json, path), path), path); });
}

Result<std::vector<Container>> parseContainers(const std::string& json, const std::string& path) {
    return caught<std::vector<Container>>([&] {
        std::vector<Container> containers;
        json::forEachObject(json, path, [&](const json::Object& object, const std::string& element) {
            containers.push_back(readContainer(*object, element));
        });
        return containers;
    });
}

Result<std::vector<Container>> readContainers(const Poco::Dynamic::Var& value, const std::string& path) {
    return caught<std::vector<Container>>([&] {
        if (value.isEmpty() || value.type() != typeid(Poco::JSON::Array::Ptr))
            throw Poco::DataFormatException(path + ": is not an array");
        return readArray(*value.extract<Poco::JSON::Array::Ptr>(), path);
    });
}

}  // namespace leader::metadata
