#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/environment.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"
#include "tests/support/metadata_server.h"
#include "tests/support/process.h"

namespace leader::test {

/// The binary under test: LEADER_BINARY, or else the one of this build.
std::string leaderBinary();

/// The command that tells of the process above it; tests/tools/init_probe_main.cpp.
std::string initProbe();

/// A file of the sources, by its path in them.
std::string sourceFile(const std::string& path);

/// Where this build is.
std::string buildFolder();

/// The words after `leader`.
Process::Options leader(const std::vector<std::string>& words);

/// The same with `--engine URL` of the server after the first word, the applet.
Process::Options leader(const std::vector<std::string>& words, const std::string& engine);

struct Ended {
    /// Nothing if it had to be killed.
    std::optional<int> code;
    std::string output;
    std::string errors;
};

Ended runToEnd(const Process::Options& options, std::chrono::milliseconds base = std::chrono::seconds(20));

/// `leader check` with these options, of what can be told: it has plenty of time and needs little of it.
Ended check(const std::string& engine, const std::vector<std::string>& options = {});

/// The same of what cannot be told, which takes the whole timeout: 1 s at first, and more where not even one
/// answer was read within it, as on a busy machine.
Ended checkInVain(const std::string& engine, const std::vector<std::string>& options = {});

/// web/app with `members`, of which number `self` (0: none) is the one with this machine's address.
Environment service(int members, int self);

/// A command that says "started" and its term, and then reads its standard input until that ends or it is
/// killed.
extern const std::vector<std::string> kCommand;

/// A shell script that does the same and leaves its signals to the traps before it.
extern const std::string kStay;

/// `leader run OPTIONS -- COMMAND` against an engine.
Process::Options run(const std::string& engine, std::vector<std::string> options = {},
                     const std::vector<std::string>& command = kCommand);
/// The same with a shell script as the command.
Process::Options runScript(const std::string& engine, std::vector<std::string> options,
                           const std::string& script);

/// How often the command was started so far.
int starts(const Process& process);

/// Whether the member waits behind another one: it has read the service and now polls for a change.
bool settled(const MetadataServer& server);

/// Exactly one line, and no more, that contains the regular expression.
::testing::AssertionResult oneLine(const std::string& errors, const std::string& pattern);

/// The real environment's answers file, or nothing where the data is not at hand.
std::optional<std::string> realAnswers();

}  // namespace leader::test
