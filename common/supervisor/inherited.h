#pragma once

#include <sys/resource.h>

#include <csignal>

namespace leader {

/// What this process was given by its parent and the command is to get unchanged. Recorded before any static
/// initialiser runs: Poco's block SIGPIPE before main().
struct Inherited {
    sigset_t mask;
    sigset_t ignored;
    rlimit openFiles;
};

const Inherited& inherited();

}  // namespace leader
