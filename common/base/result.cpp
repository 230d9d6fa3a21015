#include "common/base/result.h"

#include <system_error>

namespace leader {

Error Error::fromErrno(const std::string& what, int error) {
    return {what + ": " + std::generic_category().message(error)};
}

}  // namespace leader
