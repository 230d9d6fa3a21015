#pragma once

#include <Poco/Dynamic/Var.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

/// Rancher Metadata's documents as typed values. Errors start with the path of the field that is wrong.
namespace leader::metadata {

/// A container as the metadata has it. Texts that are absent or null are empty.
struct Container {
    std::string uuid;
    std::string name;
    std::string address;
    std::string stack;
    std::string service;
    std::string serviceUuid;
    std::string state;
    std::string health;
    /// Absent for a container that stands alone.
    std::optional<std::int64_t> createIndex;
    /// Why this container cannot be ranked, starting with the field's path; empty when it can. It is no error
    /// of the document: the container may belong to another service.
    std::string defect;
};

/// What the metadata answers to the container that asks.
struct Self {
    /// Absent where the server does not know the one who asks.
    std::optional<Container> container;
    /// The containers of the own service, where this version of the server lists them as objects.
    std::optional<std::vector<Container>> members;
};

/// Reads `/self`; `path` is where it came from, for errors.
Result<Self> parseSelf(const std::string& json, const std::string& path);
Result<Self> readSelf(const Poco::Dynamic::Var& value, const std::string& path);

/// Reads `/containers`, keeping one element's JSON in memory at a time.
Result<std::vector<Container>> parseContainers(const std::string& json, const std::string& path);
Result<std::vector<Container>> readContainers(const Poco::Dynamic::Var& value, const std::string& path);

}  // namespace leader::metadata
