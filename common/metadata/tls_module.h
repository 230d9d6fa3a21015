#pragma once

#include "common/metadata/tls_functions.h"

namespace leader::metadata {

inline constexpr const char* kTlsModuleEntry = "leaderTlsFunctions";
extern "C" const TlsFunctions* leaderTlsFunctions();

}  // namespace leader::metadata
