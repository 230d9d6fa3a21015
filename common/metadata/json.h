#pragma once

#include <Poco/Dynamic/Var.h>
#include <Poco/JSON/Object.h>

#include <functional>
#include <string>

/// Poco's JSON with errors that name the place. Everything here throws Poco::DataFormatException whose
/// message starts with the path that it was given; the readers of whole documents turn that into values.
namespace leader::metadata::json {

using Object = Poco::JSON::Object::Ptr;

/// `text` as an object or an array; anything else (null, a bare string, HTML, a cut or too deep document) is
/// refused.
Poco::Dynamic::Var parse(const std::string& text, const std::string& path);

/// Calls `visit` for each object of the array `text`, one in memory at a time.
void forEachObject(const std::string& text, const std::string& path,
                   const std::function<void(const Object&, const std::string& path)>& visit);

/// The object as a document, on one line.
std::string textOf(const Poco::JSON::Object& object);

/// Null where the member is absent or null.
Object object(const Poco::JSON::Object& parent, const std::string& key, const std::string& path);
/// Empty where the member is absent or null.
std::string text(const Poco::JSON::Object& parent, const std::string& key, const std::string& path);

/// "null", "an object", "a number", …
const char* kindOf(const Poco::Dynamic::Var& value);

/// `value` as an object, or refused.
Object asObject(const Poco::Dynamic::Var& value, const std::string& path);

}  // namespace leader::metadata::json
