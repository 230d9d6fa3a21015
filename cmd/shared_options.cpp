#include "cmd/shared_options.h"

namespace leader {

cli::Options SharedOptions::options() {
    cli::Option self = cli::text("self", "ID",
                                 "this member's uuid, name or address, where the engine cannot tell (host "
                                 "networking); with etcd and kubernetes its name",
                                 engine.self);
    self.defaultValue = "found out";
    cli::Option caFile =
        cli::text("ca-file", "FILE", "with TLS: the certificates to trust, in PEM form", engine.tls.caFile);
    caFile.defaultValue = "the system's";
    cli::Option tokenFile =
        cli::text("token-file", "FILE", "with kubernetes: a file with the bearer token", engine.tokenFile);
    tokenFile.defaultValue = "the service account's";
    return {
        cli::text("engine", "URL",
                  "where the election is: http[s]://HOST[:PORT]/[VERSION] is Rancher Metadata, file:PATH an "
                  "answers file in Rancher's format, etcd[s]://HOST[:PORT][,...]/NAME an election in etcd, "
                  "kubernetes:[NAMESPACE/]NAME or kubernetes://HOST:PORT/NAMESPACE/NAME a Lease",
                  engine.url),
        self,
        caFile,
        cli::text("cert-file", "FILE", "with TLS: this client's certificate with its chain, in PEM form",
                  engine.tls.certFile),
        cli::text("key-file", "FILE", "with TLS: the key of --cert-file, in PEM form, without a passphrase",
                  engine.tls.keyFile),
        tokenFile,
        cli::text("user", "NAME", "with etcd: who asks, where it wants to know", engine.user),
        cli::text("password-file", "FILE", "with --user: a file with the password", engine.passwordFile),
        cli::flag("healthy-only", "candidates whose health is unhealthy do not count", healthyOnly),
        cli::enumeration("log-level", {"error", "warning", "info", "debug"},
                         "what is logged to standard error", logLevel),
        cli::enumeration("log-format", {"text", "json"}, "how it is logged", logFormat),
    };
}

cli::Option serviceOption(SharedOptions& shared) {
    cli::Option option =
        cli::text("service", "[STACK/]SERVICE", "look at another service, without being its member",
                  shared.engine.service);
    option.defaultValue = "own service";
    return option;
}

cli::Option timeoutOption(Duration& timeout) {
    return cli::duration("timeout", "how long to wait for a first answer", timeout);
}

}  // namespace leader
