#pragma once

#include <Poco/Dynamic/Var.h>
#include <Poco/JSON/Object.h>

#include <optional>
#include <string>
#include <vector>

namespace leader::test {

/// Rancher's answers: API version -> client address or "default" -> tree. The look-up and the two forms of an
/// answer follow the real server (rancher/rancher-metadata, answers.go and main.go).
using Answers = Poco::JSON::Object::Ptr;

/// The API version an address stands for: itself, or the highest known one for `latest`; empty if unknown.
std::string resolveVersion(const Answers& answers, const std::string& version);

/// Walks objects by key and arrays by index, or by an element's `name` or `uuid`; tries again in lower case.
/// Clients without an entry get what `default` says.
std::optional<Poco::Dynamic::Var> findAnswer(const Answers& answers, const std::string& version,
                                             const std::string& client, const std::vector<std::string>& path);

/// What the server does on loading: every client's tree gets the defaults it has no entry for.
void mergeDefaults(const Answers& answers);

/// Sets `version` in the defaults of every API version. To be called before mergeDefaults().
void setVersionToken(const Answers& answers, const std::string& token);

std::string toJson(const Poco::Dynamic::Var& value);
/// Scalars as they are, containers as a listing: one key a line, with `/` after those that hold more.
std::string toText(const Poco::Dynamic::Var& value);

}  // namespace leader::test
