#include "common/metadata/secret.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

namespace leader::metadata {

Result<std::string> readSecret(const std::string& name, const std::string& path) {
    errno = 0;
    std::ifstream file(path);
    if (!file) return Error::fromErrno(name + " " + path);
    std::string secret((std::istreambuf_iterator<char>(file)), {});
    secret.erase(secret.find_last_not_of("\r\n") + 1);
    const bool oneLine = !secret.empty() && std::none_of(secret.begin(), secret.end(), [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    });
    if (!oneLine) return Error{name + " " + path + ": holds no single line"};
    return secret;
}

}  // namespace leader::metadata
