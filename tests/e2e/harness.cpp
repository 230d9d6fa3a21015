#include "tests/e2e/harness.h"

#include <cstdlib>

namespace leader::test {

const std::vector<std::string> kCommand = {"sh", "-c", "echo started $LEADER_TERM; exec cat >/dev/null"};

// The child says that it has started: a signal from before it has put the shell's traps aside is lost to it.
const std::string kStay =
    "exec 3<&0; { echo started $LEADER_TERM; exec cat <&3 >/dev/null; } & c=$!; "
    "while kill -0 $c 2>/dev/null; do wait $c; done";

std::string leaderBinary() {
    const char* given = std::getenv("LEADER_BINARY");
    return given ? given : LEADER_BUILT_BINARY;
}

std::string initProbe() {
    return LEADER_INIT_PROBE;
}

std::string sourceFile(const std::string& path) {
    return LEADER_SOURCE_DIR "/" + path;
}

std::string buildFolder() {
    return LEADER_BUILD_DIR;
}

Process::Options leader(const std::vector<std::string>& words) {
    Process::Options options;
    options.command = {leaderBinary()};
    options.command.insert(options.command.end(), words.begin(), words.end());
    return options;
}

Process::Options leader(const std::vector<std::string>& words, const std::string& engine) {
    auto options = leader(words);
    const std::vector<std::string> extra = {"--engine", engine};
    options.command.insert(options.command.begin() + 2, extra.begin(), extra.end());
    return options;
}

Ended runToEnd(const Process::Options& options, std::chrono::milliseconds base) {
    Process process(options);
    process.closeInput();
    const auto code = process.exitCode(base);
    return {code, process.output(), process.errors()};
}

namespace {

Ended checkWithin(std::chrono::milliseconds base, const std::string& engine,
                  const std::vector<std::string>& options) {
    const std::string timeout = std::to_string(patience(base).count()) + "ms";
    std::vector<std::string> words = {"check", "--timeout", timeout};
    words.insert(words.end(), options.begin(), options.end());
    return runToEnd(leader(words, engine), base + std::chrono::seconds(20));
}

}  // namespace

Ended check(const std::string& engine, const std::vector<std::string>& options) {
    return checkWithin(std::chrono::seconds(20), engine, options);
}

Ended checkInVain(const std::string& engine, const std::vector<std::string>& options) {
    constexpr auto kLongest = std::chrono::seconds(16);
    for (auto timeout = std::chrono::seconds(1);; timeout *= 4) {
        Ended ended = checkWithin(timeout, engine, options);
        const bool tooBusy = ended.errors.find("no answer in time") != std::string::npos;
        if (!tooBusy || timeout == kLongest) return ended;
    }
}

Environment service(int members, int self) {
    Environment environment;
    environment.addMembers(members);
    if (self > 0) environment.container("web-app-" + std::to_string(self)).address = "127.0.0.1";
    return environment;
}

Process::Options run(const std::string& engine, std::vector<std::string> options,
                     const std::vector<std::string>& command) {
    options.insert(options.begin(), "run");
    options.emplace_back("--");
    options.insert(options.end(), command.begin(), command.end());
    return leader(options, engine);
}

Process::Options runScript(const std::string& engine, std::vector<std::string> options,
                           const std::string& script) {
    return run(engine, std::move(options), {"sh", "-c", script});
}

int starts(const Process& process) {
    return countLines(process.output(), "^started");
}

bool settled(const MetadataServer& server) {
    return server.waiting() > 0;
}

::testing::AssertionResult oneLine(const std::string& errors, const std::string& pattern) {
    if (countLines(errors) != 1) return ::testing::AssertionFailure() << "not one line:\n" << errors;
    if (countLines(errors, pattern) != 1) {
        return ::testing::AssertionFailure() << "nothing of '" << pattern << "' in: " << errors;
    }
    return ::testing::AssertionSuccess();
}

std::optional<std::string> realAnswers() {
    const char* given = std::getenv("LEADER_TEST_DATA");
    const std::filesystem::path directory = given ? given : LEADER_SOURCE_DIR "/../shared/data";
    const auto path = directory / "rancher-answers.json";
    if (!std::filesystem::exists(path)) return std::nullopt;
    return path.string();
}

}  // namespace leader::test
