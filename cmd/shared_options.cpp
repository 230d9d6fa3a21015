#include "cmd/shared_options.h"

namespace leader {

cli::Options SharedOptions::options() {
    return {
        cli::text(
            "engine", "URL",
            "where the election is: http://HOST[:PORT]/[VERSION] is Rancher Metadata, file:PATH an answers "
            "file in Rancher's format, etcd://HOST:PORT[,HOST:PORT...]/NAME an election in etcd",
            engine.url),
        cli::text("self", "ID",
                  "this member's uuid, name or address, where the engine cannot tell (host networking); with "
                  "etcd its "
                  "name",
                  engine.self),
        cli::flag("healthy-only", "candidates whose health is unhealthy do not count", healthyOnly),
        cli::enumeration("log-level", {"error", "warning", "info", "debug"},
                         "what is logged to standard error", logLevel),
        cli::enumeration("log-format", {"text", "json"}, "how it is logged", logFormat),
    };
}

cli::Option serviceOption(SharedOptions& shared) {
    return cli::text("service", "[STACK/]SERVICE", "look at another service, without being its member",
                     shared.engine.service);
}

cli::Option timeoutOption(Duration& timeout) {
    return cli::duration("timeout", "how long to wait for a first answer", timeout);
}

}  // namespace leader
