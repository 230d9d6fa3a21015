#pragma once

#include <Poco/String.h>

#include <string>

namespace leader::metadata {

/// Whether the URL begins with this scheme ("etcd:", "etcd://"), whose case counts for nothing (RFC 3986,
/// section 3.1).
inline bool hasScheme(const std::string& url, const std::string& scheme) {
    return url.size() >= scheme.size() && Poco::icompare(url, 0, scheme.size(), scheme) == 0;
}

}  // namespace leader::metadata
