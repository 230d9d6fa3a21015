#include <dlfcn.h>

#include "common/metadata/tls_module.h"

namespace leader::metadata {
namespace {

Result<const TlsFunctions*> loadModule() {
    void* const module = dlopen("libleader_tls.so", RTLD_NOW | RTLD_LOCAL);
    void* const entry = module == nullptr ? nullptr : dlsym(module, kTlsModuleEntry);
    if (entry == nullptr) return Error{"TLS cannot be loaded: " + std::string(dlerror())};
    return reinterpret_cast<decltype(&leaderTlsFunctions)>(entry)();
}

}  // namespace

Result<const TlsFunctions*> tlsFunctions() {
    static const Result<const TlsFunctions*> functions = loadModule();
    return functions;
}

}  // namespace leader::metadata
