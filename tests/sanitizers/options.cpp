// What the sanitizers' runtimes ask the program they are linked into for. Reports go into files: a test may
// not look at what a child or a grandchild writes, but scripts/sanitize looks at the folder.

#define LEADER_COMMON_OPTIONS "exitcode=99:log_path=" LEADER_REPORTS

extern "C" {

// What the linker is told to look for, as it is content with the runtimes' own options.
extern const char leaderSanitizers;
const char leaderSanitizers = 0;

// The program ends without running destructors, and then nobody would look for leaks.
[[noreturn]] void __real__Exit(int code);
[[noreturn]] void __wrap__Exit(int code);
void __lsan_do_leak_check();

void __wrap__Exit(int code) {
#ifdef LEADER_SANITIZE_ADDRESS
    __lsan_do_leak_check();
#endif
    __real__Exit(code);
}

const char* __asan_default_options();
const char* __ubsan_default_options();
const char* __tsan_default_options();
const char* __tsan_default_suppressions();

const char* __asan_default_options() {
    return LEADER_COMMON_OPTIONS ":detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1";
}

const char* __ubsan_default_options() {
    return LEADER_COMMON_OPTIONS ":print_stacktrace=1:halt_on_error=1";
}

// A process that has threads forks before it starts a command, and the guard is such a child.
const char* __tsan_default_options() {
    return LEADER_COMMON_OPTIONS ":halt_on_error=1:die_after_fork=0:second_deadlock_stack=1";
}

// Debian's Poco is not built for the sanitizer, which so does not see its atomic reference counts: that the
// last one to let go of an object comes after all others. That is how Poco's accepting thread and those that
// serve share a connection.
const char* __tsan_default_suppressions() {
    return "race:Poco::Net::TCPServer::run\n"
           "race:Poco::Net::HTTPServerConnection::~HTTPServerConnection\n";
}
}
