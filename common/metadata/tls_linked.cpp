#include "common/metadata/tls_module.h"

namespace leader::metadata {

Result<const TlsFunctions*> tlsFunctions() {
    return leaderTlsFunctions();
}

}  // namespace leader::metadata
