#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/e2e/harness.h"

namespace leader::test {
namespace {

struct BadLine {
    const char* name;
    std::vector<std::string> words;
    const char* says;
};

void PrintTo(const BadLine& bad, std::ostream* out) {
    *out << bad.name;
}

class BadUsage : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadUsage, IsOneLineAndExitCode2) {
    const auto ended = runToEnd(leader(GetParam().words));
    EXPECT_EQ(2, ended.code);
    EXPECT_EQ("", ended.output);
    EXPECT_TRUE(oneLine(ended.errors, GetParam().says));
    EXPECT_TRUE(oneLine(ended.errors, "help")) << "does not say where help is";
}

INSTANTIATE_TEST_SUITE_P(
    Lines, BadUsage,
    ::testing::Values(
        BadLine{"UnknownOption", {"--no-such-option", "true"}, "no-such-option"},
        BadLine{"UnknownOptionOfRun", {"run", "--no-such-option", "true"}, "no-such-option"},
        BadLine{"UnknownOptionOfCheck", {"check", "--no-such-option"}, "no-such-option"},
        BadLine{"UnknownShortOption", {"run", "-x", "true"}, "-x"},
        BadLine{"NoAddressToBind", {"run", "--proxy-bind", "localhost", "true"}, "proxy-bind.*localhost"},
        BadLine{"MissingValue", {"run", "--engine"}, "engine"},
        BadLine{"MissingValueOfCheck", {"check", "--self"}, "self"},
        BadLine{"BareNumber", {"run", "--grace-period", "10", "true"}, "grace-period.*10"},
        BadLine{"WordForADuration", {"run", "--settle", "soon", "true"}, "settle.*soon"},
        BadLine{"NegativeDuration", {"run", "--settle=-1s", "true"}, "settle.*-1s"},
        BadLine{
            "UnknownScheme", {"run", "--engine", "ftp://metadata/", "true"}, "--engine: .ftp://metadata/"},
        BadLine{"NoScheme", {"check", "--engine", "metadata"}, "metadata"},
        BadLine{"NoHost", {"check", "--engine", "http:///latest"}, "--engine: .http:///latest"},
        BadLine{"BadPort", {"check", "--engine", "http://metadata:99999/"}, "99999"},
        BadLine{"PathTooLong", {"check", "--engine", "http://metadata/latest/self"}, "latest/self"},
        BadLine{"FileWithoutAPath", {"check", "--engine", "file:"}, "file:"},
        BadLine{"UnknownOnLoss", {"run", "--on-loss", "panic", "true"}, "on-loss.*panic"},
        BadLine{"UnknownSignal", {"run", "--stop-signal", "NOPE", "true"}, "stop-signal.*NOPE"},
        BadLine{"SignalThatEndsNothing", {"run", "--stop-signal", "STOP", "true"}, "stop-signal.*STOP"},
        BadLine{"ValueForAFlag", {"check", "--healthy-only=perhaps"}, "healthy-only.*perhaps"},
        BadLine{"EtcdWithoutAName", {"run", "--engine", "etcd://h:1/", "true"}, "etcd://h:1/"},
        BadLine{
            "EtcdWithAService", {"check", "--engine", "etcd://h:1/a", "--service", "b"}, "check: --service"},
        BadLine{"EtcdWithPartOfASecond",
                {"run", "--engine", "etcd://h:1/a", "--ttl", "30s1ms", "true"},
                "run: --ttl.*whole"},
        BadLine{"SelfAddressThatIsNone",
                {"run", "--engine", "etcd://h:1/a", "--self-address", "b", "true"},
                "'b'"},
        BadLine{"SelfAddressWithoutALease", {"run", "--self-address", "10.0.0.1", "true"}, "self-address"},
        BadLine{"TtlTooShortForTheGracePeriod",
                {"run", "--engine", "etcd://127.0.0.1/x", "--ttl", "17s", "true"},
                "--ttl.*17s.*--grace-period.*10s.*--ttl 18s"},
        BadLine{"GracePeriodTooLongForTheTtl",
                {"run", "--engine", "etcd://127.0.0.1/x", "--grace-period", "19s", "true"},
                "--ttl.*30s.*--grace-period.*19s.*--ttl 32s"},
        BadLine{"KeepWithALease",
                {"run", "--engine", "etcd://127.0.0.1/x", "--on-loss", "keep", "true"},
                "--on-loss keep.*lease"},
        BadLine{
            "ExecWithALease", {"run", "--engine", "etcd://127.0.0.1/x", "--exec", "true"}, "--exec.*lease"},
        BadLine{"TtlWithoutALease", {"run", "--ttl", "30s", "true"}, "--ttl.*rancher-metadata.*no lease"},
        BadLine{"NoCommand", {"run"}, "command"}, BadLine{"NoCommandAfterDashes", {"run", "--"}, "command"},
        BadLine{"WordForTheAncestorsCheck", {"--check", "true"}, "'true'"},
        BadLine{"NothingAtAll", {}, "command"}, BadLine{"WordForCheck", {"check", "please"}, "please"},
        BadLine{"WordForStatus", {"status", "please"}, "please"},
        BadLine{"StatusAddressOfStatus", {"status", "--status-address", ":0"}, "status-address"}),
    [](const auto& each) { return each.param.name; });

TEST(Usage, ABadEnvironmentVariableIsOneLineAndExitCode2) {
    auto options = leader({"run", "true"});
    options.environment["LEADER_GRACE_PERIOD"] = "soon";
    const auto ended = runToEnd(options);
    EXPECT_EQ(2, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "LEADER_GRACE_PERIOD.*soon"));
}

TEST(Usage, HelpShowsEveryOptionWithItsDefault) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"help", "run"},
                                                  {"run", "--help"},
                                                  {"run", "-h"},
                                                  {"leader-run", "--help"},
                                                  {"run", "--settle", "1s", "--help"}}) {
        const auto ended = runToEnd(leader(words));
        EXPECT_EQ(0, ended.code);
        EXPECT_EQ("", ended.errors);
        for (const std::string option :
             {"--engine", "--self", "--healthy-only", "--exec", "--on-loss", "--stop-signal",
              "--grace-period", "--settle", "--max-stale", "--status-address", "--log-level", "--log-format",
              "http://rancher-metadata/", "10s"}) {
            EXPECT_NE(std::string::npos, ended.output.find(option)) << option << " in " << words[0];
        }
    }
    for (const std::string word : {"help", "h", "-h", "--help"}) {
        const auto ended = runToEnd(leader({word}));
        EXPECT_EQ(0, ended.code) << word;
        EXPECT_NE(std::string::npos, ended.output.find("check")) << word;
    }
}

TEST(Usage, VersionIsPrinted) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"-v"}, {"--version"}, {"check", "--version"}, {"run", "-v"}}) {
        const auto ended = runToEnd(leader(words));
        EXPECT_EQ(0, ended.code);
        EXPECT_EQ(1,
                  countLines(ended.output,
                             "^leader \\d+\\.\\d+\\.\\d+ \\(commit ([0-9a-f]{12}(-modified)?|unknown)\\)$"))
            << ended.output;
    }
}

TEST(Usage, CompletionListsTheWordsThatCanFollow) {
    const auto first = runToEnd(leader({"--generate-bash-completion"}));
    EXPECT_EQ(0, first.code);
    for (const char* word : {"^run$", "^check$", "^status$", "^help$", "^--engine$"}) {
        EXPECT_EQ(1, countLines(first.output, word)) << word << " in\n" << first.output;
    }
    const auto ofRun = runToEnd(leader({"run", "--generate-bash-completion"}));
    EXPECT_EQ(1, countLines(ofRun.output, "^--grace-period$")) << ofRun.output;
    EXPECT_EQ(0, countLines(ofRun.output, "^check$"));
    const auto ofHelp = runToEnd(leader({"help", "run", "--generate-bash-completion"}));
    EXPECT_EQ(0, ofHelp.code);
    EXPECT_EQ("", ofHelp.output) << "nothing can follow";

    const auto values = runToEnd(leader({"run", "--on-loss", "--generate-bash-completion"}));
    EXPECT_EQ(1, countLines(values.output, "^stand-down$")) << values.output;
}

TEST(Usage, TheCommandsOwnOptionsPassThroughUntouched) {
    MetadataServer server(service(1, 1).answers());
    const std::vector<std::string> own = {"-g",     "daemon off;", "--check", "-check",
                                          "--help", "-v",          "--exec",  "--",
                                          "",       "--engine=x",  "a  b",    "--generate-bash-completion"};
    for (const bool ancestor : {true, false}) {
        std::vector<std::string> words = {"--engine", server.url(), "printf", "<%s>\\n"};
        if (!ancestor) words.insert(words.begin(), "run");
        words.insert(words.end(), own.begin(), own.end());
        const auto ended = runToEnd(leader(words));
        EXPECT_EQ(0, ended.code) << ended.errors;
        std::string expected;
        for (const auto& word : own) expected += std::string("<").append(word).append(">\n");
        EXPECT_EQ(expected, ended.output);
    }
}

TEST(Usage, DashesRunACommandThatIsCalledLikeAnApplet) {
    MetadataServer server(service(1, 1).answers());
    const TemporaryDirectory directory;
    for (const std::string name : {"check", "status"}) {
        writeFile(directory / name, "#!/bin/sh\necho mine \"$@\"\n");
        ::chmod((directory / name).c_str(), 0755);
        auto options = leader({"--", name, "--json"});
        options.environment["LEADER_ENGINE"] = server.url();
        options.environment["PATH"] = (directory / "") + ":" + std::getenv("PATH");
        const auto ended = runToEnd(options);
        EXPECT_EQ(0, ended.code) << ended.errors;
        EXPECT_EQ("mine --json\n", ended.output);
    }
}

}  // namespace
}  // namespace leader::test
