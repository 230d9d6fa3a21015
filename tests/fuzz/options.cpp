// A command line and its environment: the input's lines are words, and those that begin with LEADER_ are
// variables. Each word is a duration, a URL, … as well.

#include <netdb.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "cmd/proxying.h"
#include "cmd/reporting.h"
#include "cmd/shared_options.h"
#include "common/cli/duration.h"
#include "common/election/etcd_url.h"
#include "common/election/kubernetes_target.h"
#include "common/metadata/rancher_client.h"
#include "common/supervisor/command.h"
#include "common/supervisor/signals.h"
#include "tests/fuzz/expect.h"

// No name is looked up.
extern "C" int getaddrinfo(const char* /*host*/, const char* /*service*/, const addrinfo* /*hints*/,
                           addrinfo** /*found*/) {
    return EAI_NONAME;
}

namespace leader::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr auto kTenYears = std::chrono::hours(24 * 3653);

struct Line {
    std::vector<std::string> words;
    cli::Environment environment;
};

Line linesOf(std::string_view text) {
    Line line;
    while (!text.empty()) {
        const std::string word(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        const std::size_t equals = word.find('=');
        if (word.rfind("LEADER_", 0) == 0 && equals != std::string::npos)
            line.environment.emplace(word.substr(0, equals), word.substr(equals + 1));
        else
            line.words.push_back(word);
    }
    return line;
}

void checkDuration(const std::string& word) {
    const auto duration = cli::parseDuration(word);
    if (!duration) return expect(!duration.error().message.empty(), "an error says something");
    expect(*duration >= 0s && *duration <= kTenYears, "a duration is up to ten years");
    const auto again = cli::parseDuration(cli::formatDuration(*duration));
    expect(again.ok() && *again == *duration, "a duration is read as it is written");
}

void checkOrigin(const metadata::HttpOrigin& origin) {
    expect(!origin.host.empty() && origin.port > 0 && origin.port <= 65535,
           "an origin has a host and a port");
}

void checkUrls(const std::string& word) {
    if (const auto rancher = metadata::parseRancherUrl(word)) checkOrigin({rancher->host, rancher->port});
    if (const auto etcd = parseEtcdUrl(word)) {
        expect(!etcd->endpoints.empty() && !etcd->name.empty(), "an election in etcd is somewhere");
        for (const auto& endpoint : etcd->endpoints) checkOrigin(endpoint);
    }
    if (word.rfind("kubernetes:", 0) != 0) return;
    EngineOptions options;
    options.url = word;
    options.tokenFile = "token";
    if (const auto kubernetes = findKubernetes(options)) {
        checkOrigin(kubernetes->origin);
        expect(!kubernetes->name.empty() && kubernetes->name.find('/') == std::string::npos,
               "a Lease has a name");
    }
}

void checkWord(const std::string& word) {
    checkDuration(word);
    checkUrls(word);
    if (const auto port = PortMapping::parse(word))
        expect(port->listen > 0 && port->target > 0, "a port has a number");
    if (const auto code = parseExitCode(word)) expect(*code >= 0 && *code <= 255, "an exit code is a byte");
    if (const auto signal = parseSignal(word)) expect(*signal > 0 && *signal < NSIG, "a signal is one");
}

/// The options that `run` and `proxy` share, as cmd/ has them.
struct AllOptions {
    SharedOptions shared;
    ProxyOptions proxy;
    StatusOptions status;
    Duration timeout = kDefaultTimeout;

    cli::Options options() {
        cli::Options all = shared.options();
        for (cli::Option& option : proxyOptions(proxy)) all.push_back(std::move(option));
        all.push_back(proxyPortOption(proxy.ports));
        all.push_back(statusAddressOption(status));
        all.push_back(serviceOption(shared));
        all.push_back(timeoutOption(timeout));
        return all;
    }
};

void parse(const Line& line) {
    AllOptions values;
    const cli::Options options = values.options();
    cli::completions(options, line.words);
    const auto parsed = cli::parse(options, line.words, line.environment);
    if (!parsed) return expect(!parsed.error().message.empty(), "an error says something");
    if (parsed->help || parsed->version) return;
    const auto& rest = parsed->words;
    expect(rest.size() <= line.words.size() && std::equal(rest.rbegin(), rest.rend(), line.words.rbegin()),
           "the command is the end of the line");
    const bool ended =
        rest.size() < line.words.size() && line.words[line.words.size() - rest.size() - 1] == "--";
    expect(rest.empty() || ended || rest[0].size() < 2 || rest[0][0] != '-',
           "options end at a word that is none");
    expect(values.timeout >= 0s && values.proxy.hold >= 0s && values.proxy.connectTimeout >= 0s,
           "no time is negative");
    expect(values.proxy.maxConnections >= 1 && values.proxy.maxConnections <= 1'000'000,
           "a number is within limits");
    std::vector<std::string> ended_words = line.words;
    ended_words.insert(ended_words.end() - static_cast<std::ptrdiff_t>(rest.size()), "--");
    if (ended) return;
    AllOptions others;
    const auto again = cli::parse(others.options(), ended_words, line.environment);
    expect(again.ok() && again->words == rest, "'--' may stand before the command");
}

}  // namespace
}  // namespace leader::fuzz

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    setenv("POD_NAMESPACE", "default", 1);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace leader::fuzz;
    const Line line = linesOf({reinterpret_cast<const char*>(data), size});
    for (const std::string& word : line.words) checkWord(word);
    parse(line);
    return 0;
}
