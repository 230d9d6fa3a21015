#ifdef LEADER_STATIC
#include <nss.h>
#endif

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <new>
#include <system_error>

#include "cmd/applet.h"
#include "common/cli/exit_codes.h"

namespace leader {
namespace {

const std::array kApplets = {
    Applet{"run", "run a command while this member leads, wait while it does not", runMain},
    Applet{"check", "tell by the exit code whether this member leads", checkMain},
    Applet{"status", "show who leads a service, who waits and why", statusMain},
    Applet{"proxy", "forward TCP ports to the leader of a service", proxyMain},
};

constexpr const char* kPrefix = "leader-";

std::string baseName(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

/// `run` and `leader-run` both name the applet run.
const Applet* appletCalled(const std::string& word) {
    const std::string name = word.rfind(kPrefix, 0) == 0 ? word.substr(std::string(kPrefix).size()) : word;
    const auto found =
        std::find_if(kApplets.begin(), kApplets.end(), [&](const Applet& a) { return a.name == name; });
    return found == kApplets.end() ? nullptr : &*found;
}

int start(const Applet& applet, const std::vector<std::string>& words, const cli::Environment& environment) {
    return applet.main({kPrefix + applet.name, words, environment});
}

int listApplets() {
    std::cout
        << "Of all containers of a service, leader lets exactly one run the service's command.\n\n"
           "usage: leader [OPTIONS] [--] COMMAND [ARG...]   the same as leader run\n"
           "       leader APPLET [OPTIONS] ...              an applet, also to be called leader-APPLET\n"
           "       leader help [APPLET]                     what it does and each of its options\n"
           "       leader --check                           exit 0 if this member leads, 1 otherwise\n\n";
    for (const Applet& applet : kApplets)
        std::cout << "  " << applet.name << std::string(8 - applet.name.size(), ' ') << applet.summary
                  << "\n";
    return exit_code::kSuccess;
}

int listAppletNames() {
    for (const Applet& applet : kApplets) std::cout << applet.name << "\n";
    return exit_code::kSuccess;
}

int help(const Invocation& invocation) {
    if (invocation.words.size() < 2) return listApplets();
    if (invocation.words[1] == kCompletionFlag) return listAppletNames();
    if (invocation.words.back() == kCompletionFlag) return exit_code::kSuccess;
    const Applet* applet = appletCalled(invocation.words[1]);
    if (applet == nullptr) return usageError(invocation, "there is no applet '" + invocation.words[1] + "'");
    return start(*applet, {"--help"}, {});
}

int dispatch(const std::string& calledAs, const std::vector<std::string>& words) {
    const cli::Environment environment = cli::currentEnvironment();
    if (const Applet* applet = calledAs.rfind(kPrefix, 0) == 0 ? appletCalled(calledAs) : nullptr)
        return start(*applet, words, environment);

    const Invocation whole{"leader", words, environment};
    const std::string first = words.empty() ? "" : words[0];
    if (const Applet* applet = appletCalled(first))
        return start(*applet, {words.begin() + 1, words.end()}, environment);
    if (first == "help" || first == "h" || first == "-h" || first == "--help" || first == "-help")
        return help(whole);
    if (first == kCompletionFlag) {
        listAppletNames();
        std::cout << "help\n";
    }
    return ancestorMain(whole);
}

// The standard library throws where no thread can be started and where no memory is left; anything else that
// comes here is a mistake of this program, of which the message is all there is to find it by.
int dispatchOrExplain(const std::string& calledAs, const std::vector<std::string>& words) {
    try {
        return dispatch(calledAs, words);
    } catch (const std::system_error& error) {
        const bool limited = error.code() == std::errc::resource_unavailable_try_again;
        const std::string what = limited ? "cannot start a thread, raise the limit of processes: " : "";
        return fail({"leader", words, {}}, what + error.what(), exit_code::kInternal);
    } catch (const std::bad_alloc&) {
        return fail({"leader", words, {}}, "no memory is left", exit_code::kInternal);
    } catch (const std::exception& error) {
        return fail({"leader", words, {}}, error.what(), exit_code::kInternal);
    }
}

}  // namespace
}  // namespace leader

int main(int argc, char** argv) {
    if (argc < 1) return leader::exit_code::kUsage;
#ifdef LEADER_STATIC
    // What /etc/nsswitch.conf names beside these would be loaded from the libraries of another C library.
    __nss_configure_lookup("hosts", "files dns");
#endif
    const int exitCode = leader::dispatchOrExplain(leader::baseName(argv[0]), {argv + 1, argv + argc});
    // No destructor of any library has something to do that the end of the process does not; running them all
    // is a twentieth of the time of leader-check.
    std::cout.flush();
    std::_Exit(exitCode);
}
