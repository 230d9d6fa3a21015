#include "tests/support/answers.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Stringifier.h>
#include <Poco/NumberParser.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include <algorithm>
#include <sstream>

namespace leader::test {
namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

constexpr const char* kDefault = "default";

bool isObject(const Var& value) {
    return value.type() == typeid(Object::Ptr);
}
bool isArray(const Var& value) {
    return value.type() == typeid(Array::Ptr);
}

// Var converts to everything, std::optional included, and so has to be told.
std::optional<Var> found(const Var& value) {
    return std::optional<Var>(std::in_place, value);
}

std::optional<Var> member(const Object::Ptr& object, const std::string& key) {
    if (!object->has(key)) return std::nullopt;
    return found(object->get(key));
}

std::optional<Var> element(const Array::Ptr& array, const std::string& key) {
    Poco::Int64 index = 0;
    if (Poco::NumberParser::tryParse64(key, index)) {
        if (index < 0 || index >= static_cast<Poco::Int64>(array->size())) return std::nullopt;
        return found(array->get(static_cast<unsigned>(index)));
    }
    for (const Var& child : *array) {
        if (!isObject(child)) continue;
        const auto& object = child.extract<Object::Ptr>();
        for (const char* magic : {"name", "uuid"}) {
            const auto value = member(object, magic);
            if (value && value->isString() && value->toString() == key) return found(child);
        }
    }
    return std::nullopt;
}

std::optional<Var> walk(const Var& from, const std::vector<std::string>& path) {
    auto at = found(from);
    for (const auto& key : path) {
        if (isObject(*at)) {
            at = member(at->extract<Object::Ptr>(), key);
        } else if (isArray(*at)) {
            at = element(at->extract<Array::Ptr>(), key);
        } else {
            at.reset();
        }
        if (!at) return std::nullopt;
    }
    return at;
}

std::string escaped(const std::string& key) {
    std::string out;
    Poco::URI::encode(key, "/?#&=+:;,$@!'()*[]", out);
    return out;
}

std::string arrayLine(std::size_t index, const Var& child) {
    const auto number = std::to_string(index);
    if (isObject(child)) {
        for (const char* magic : {"name", "uuid"}) {
            const auto value = member(child.extract<Object::Ptr>(), magic);
            if (value) return number + "=" + escaped(value->toString()) + "\n";
        }
    }
    return number + (isObject(child) || isArray(child) ? "/\n" : "\n");
}

}  // namespace

std::string resolveVersion(const Answers& answers, const std::string& version) {
    if (answers->has(version)) return version;
    if (version != "latest") return {};
    const auto names = answers->getNames();
    return names.empty() ? std::string() : *std::max_element(names.begin(), names.end());
}

std::optional<Var> findAnswer(const Answers& answers, const std::string& version, const std::string& client,
                              const std::vector<std::string>& path) {
    const auto clients = answers->getObject(version);
    if (!clients) return std::nullopt;
    const auto tree = member(clients, clients->has(client) ? client : kDefault);
    if (!tree) return std::nullopt;
    if (auto exact = walk(*tree, path)) return exact;
    std::vector<std::string> lower;
    std::transform(path.begin(), path.end(), std::back_inserter(lower),
                   [](const std::string& key) { return Poco::toLower(key); });
    return walk(*tree, lower);
}

void mergeDefaults(const Answers& answers) {
    for (const auto& version : answers->getNames()) {
        const auto clients = answers->getObject(version);
        const auto defaults = clients ? clients->getObject(kDefault) : nullptr;
        if (!defaults) continue;
        for (const auto& client : clients->getNames()) {
            auto tree = clients->getObject(client);
            if (!tree || client == kDefault) continue;
            for (const auto& key : defaults->getNames()) {
                if (!tree->has(key)) tree->set(key, defaults->get(key));
            }
        }
    }
}

void setVersionToken(const Answers& answers, const std::string& token) {
    for (const auto& version : answers->getNames()) {
        const auto clients = answers->getObject(version);
        const auto defaults = clients ? clients->getObject(kDefault) : nullptr;
        if (!defaults) continue;
        for (const auto& client : clients->getNames()) {
            if (auto tree = clients->getObject(client)) tree->set("version", token);
        }
    }
}

std::string toJson(const Var& value) {
    std::ostringstream out;
    Poco::JSON::Stringifier::stringify(value, out);
    return out.str();
}

std::string toText(const Var& value) {
    if (value.isEmpty()) return {};
    std::string out;
    if (isObject(value)) {
        const auto& object = value.extract<Object::Ptr>();
        std::vector<std::string> lines;
        for (const auto& [key, child] : *object) {
            lines.push_back(escaped(key) + (isObject(child) || isArray(child) ? "/\n" : "\n"));
        }
        std::sort(lines.begin(), lines.end());
        for (const auto& line : lines) out += line;
        return out;
    }
    if (isArray(value)) {
        std::size_t index = 0;
        for (const Var& child : *value.extract<Array::Ptr>()) out += arrayLine(index++, child);
        return out;
    }
    return value.convert<std::string>();
}

}  // namespace leader::test
