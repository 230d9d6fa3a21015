#pragma once

#include <Poco/JSON/Object.h>

#include "common/status/report.h"

namespace leader::status {

/// What `leader-status --json` prints and the server's `/` begins with; the README describes it field by
/// field. What is not known is null.
Poco::JSON::Object::Ptr jsonOf(const Report& report);

/// The same with the fields "command" and "proxy".
Poco::JSON::Object::Ptr jsonOfProcess(const Report& report);

/// On one line, without its end.
std::string asLine(const Poco::JSON::Object::Ptr& object);

/// Text as a JSON value: valid UTF-8, null where it is empty.
Poco::Dynamic::Var textOrNull(const std::string& text);

}  // namespace leader::status
