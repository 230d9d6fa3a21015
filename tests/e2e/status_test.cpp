// leader-status: a table, an object, or a line for each change.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "tests/e2e/status_rig.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

Process::Options status(const std::string& engine, std::vector<std::string> options = {}) {
    options.insert(options.begin(), "status");
    return leader(options, engine);
}

TEST(Status, ShowsWhoLeadsAndWhyAndExitsWith0) {
    Environment environment = service(3, 3);
    environment.container("web-app-1").state = std::string("stopped");
    MetadataServer server(environment.answers());
    const auto ended = runToEnd(status(server.url()));
    EXPECT_EQ(0, ended.code) << ended.errors;
    EXPECT_EQ("", ended.errors);
    for (const std::string line :
         {"^group    web/app$", "^engine   http://127.0.0.1:\\d+/, revision \\S+, seen \\d+s ago$",
          "^role     follower$", "^self   > web-app-3, 127.0.0.1, create index 3$",
          "^leader \\* web-app-2, 10.42.0.2, create index 2$", "^ +1  web-app-1 .* stopped .* is stopped$",
          "^\\* +2  web-app-2 .* leads", "^ > +3  web-app-3 .* waits behind web-app-2$"})
        EXPECT_EQ(1, countLines(ended.output, line)) << line << " in\n" << ended.output;
}

TEST(Status, ExitsWith3WhereNobodyLeadsAndAtOnce) {
    Environment environment = service(2, 1);
    for (const std::string name : {"web-app-1", "web-app-2"})
        environment.container(name).state = std::string("stopped");
    MetadataServer server(environment.answers());
    const auto ended = runToEnd(status(server.url(), {"--timeout", "1h"}));
    EXPECT_EQ(3, ended.code);
    EXPECT_EQ(1, countLines(ended.output, "^leader \\* nobody: no candidate counts$")) << ended.output;
}

TEST(Status, ShowsATableAlsoWhereTheRoleIsUnknown) {
    Environment environment = service(2, 1);
    Container alone = Container::number(3);
    alone.createIndex = Poco::Dynamic::Var();
    environment.container("web-app-1").address = "10.42.0.1";
    alone.address = "127.0.0.1";
    MetadataServer server(environment.add(alone).answers());
    const auto ended = runToEnd(status(server.url(), {"--timeout", "1h"}));
    EXPECT_EQ(0, ended.code) << "the leader is known";
    EXPECT_EQ(1, countLines(ended.output, "^role     unknown: .*web-app-3.*no create index$"))
        << ended.output;
    EXPECT_EQ(1, countLines(ended.output, "^\\* +1  web-app-1 ")) << ended.output;
}

TEST(Status, LooksAtAnotherService) {
    Environment environment = service(1, 1);
    Container other = Container::number(7);
    other.stack = "shop";
    other.name = "shop-app-1";
    MetadataServer server(environment.add(other).answers());
    const auto ended = runToEnd(status(server.url(), {"--service", "shop/app"}));
    EXPECT_EQ(0, ended.code) << ended.errors;
    EXPECT_EQ(1, countLines(ended.output, "^self   > none of the candidates$")) << ended.output;
    EXPECT_EQ(1, countLines(ended.output, "^leader \\* shop-app-1"));
}

TEST(Status, WithoutAnAnswerItSaysWhyAndExitsWith3) {
    const auto ended = runToEnd(status("file:/no/such/answers.json", {"--timeout", "100ms"}));
    EXPECT_EQ(3, ended.code);
    EXPECT_EQ("", ended.output);
    EXPECT_TRUE(oneLine(ended.errors, "/no/such/answers.json"));
    const auto json = runToEnd(status("file:/no/such/answers.json", {"--timeout", "100ms", "--json"}));
    EXPECT_EQ(3, json.code);
    const auto object = parseJson(json.output);
    EXPECT_TRUE(object->isNull("name"));
    EXPECT_EQ("unknown", object->getValue<std::string>("role"));
    EXPECT_NE(std::string::npos, object->getValue<std::string>("reason").find("/no/such/answers.json"));
}

TEST(Status, AsJsonIsOneObjectOnOneLine) {
    MetadataServer server(service(2, 2).answers());
    const auto ended = runToEnd(status(server.url(), {"--json"}));
    EXPECT_EQ(0, ended.code) << ended.errors;
    EXPECT_EQ(1, countLines(ended.output));
    const auto object = parseJson(ended.output);
    EXPECT_EQ("web-app-1", object->getValue<std::string>("name"));
    EXPECT_EQ("follower", object->getValue<std::string>("role"));
    EXPECT_EQ(server.versionToken(), object->getValue<std::string>("revision"));
    EXPECT_EQ("127.0.0.1", object->getObject("self")->getValue<std::string>("address"));
    EXPECT_EQ(2U, object->getArray("candidates")->size());
}

TEST(Status, ColorsATerminalOnlyAndNotWhereThatIsNotWanted) {
    MetadataServer server(service(2, 1).answers());
    EXPECT_EQ(std::string::npos, runToEnd(status(server.url())).output.find('\033'));
    const std::string words = leaderBinary() + " status --engine " + server.url();
    for (const std::string unwanted : {"", "NO_COLOR=1 ", "TERM=dumb "}) {
        Process::Options onTerminal;
        onTerminal.command = {"script", "-qec", "env -u NO_COLOR TERM=xterm " + unwanted + words,
                              "/dev/null"};
        const auto ended = runToEnd(onTerminal);
        EXPECT_EQ(0, ended.code) << ended.errors;
        EXPECT_EQ(1, countLines(ended.output, "web-app-2 .* waits behind")) << ended.output;
        EXPECT_EQ(unwanted.empty(), ended.output.find('\033') != std::string::npos) << unwanted;
    }
}

TEST(Status, ShortensToTheColumnsThereAre) {
    Environment environment = service(2, 1);
    environment.container("web-app-2").name = "web-app-" + std::string(100, 'x') + "-2";
    MetadataServer server(environment.answers());
    auto options = status(server.url());
    EXPECT_LT(100U, runToEnd(options).output.find("xxx-2"));
    options.environment["COLUMNS"] = "80";
    const auto ended = runToEnd(options);
    EXPECT_EQ(0, countLines(ended.output, "^.{81}")) << ended.output;
    EXPECT_EQ(1, countLines(ended.output, "web-.*\\.\\..*x-2 ")) << ended.output;
}

TEST(Status, SaysSoWhereItsOutputCannotBeWritten) {
    MetadataServer server(service(2, 1).answers());
    Process::Options options;
    options.command = {"sh", "-c", leaderBinary() + " status --engine " + server.url() + " >/dev/full"};
    const auto ended = runToEnd(options);
    EXPECT_EQ(70, ended.code);
    EXPECT_TRUE(oneLine(ended.errors, "standard output"));
}

TEST(Status, WhoClosesThePipeIsNotToldSo) {
    MetadataServer server(service(2, 1).answers());
    for (const std::string format : {"", " --json"}) {
        Process::Options options;
        options.command = {"bash", "-c",
                           "exec 3> >(:); wait $!; " + leaderBinary() + " status --engine " + server.url() +
                               format + " >&3"};
        const auto ended = runToEnd(options);
        EXPECT_EQ(128 + SIGPIPE, ended.code) << ended.errors;
        EXPECT_EQ("", ended.errors);
    }
}

TEST(Status, WaitsForASlowReaderEvenWhereThePipeDoesNotBlock) {
    MetadataServer server(service(1000, 1).answers());
    std::array<int, 2> ends{};
    ASSERT_EQ(0, pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC));
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    std::vector<std::string> words = status(server.url(), {"--json"}).command;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
    pid_t pid = 0;
    ASSERT_EQ(0, posix_spawn(&pid, words[0].c_str(), &actions, nullptr, arguments.data(), environ));
    posix_spawn_file_actions_destroy(&actions);
    writer.reset();
    const auto waiting = [&] {
        int bytes = 0;
        return ioctl(reader.get(), FIONREAD, &bytes) == 0 ? bytes : 0;
    };
    EXPECT_TRUE(eventually([&] { return waiting() >= 60000; }));
    std::string output;
    EXPECT_TRUE(eventually([&] {
        std::array<char, 65536> chunk{};
        const ssize_t n = read(reader.get(), chunk.data(), chunk.size());
        if (n > 0) output.append(chunk.data(), static_cast<std::size_t>(n));
        return n == 0;
    }));
    kill(pid, SIGKILL);
    int how = 0;
    ASSERT_EQ(pid, waitpid(pid, &how, 0));
    EXPECT_EQ(0, how);
    EXPECT_EQ('\n', output.back());
    EXPECT_EQ(1000U, parseJson(output)->getArray("candidates")->size());
}

TEST(StatusWatch, PrintsEachChangeAndNothingElse) {
    Environment environment = service(2, 2);
    MetadataServer server(environment.answers());
    Process process(status(server.url(), {"--watch"}));
    ASSERT_TRUE(process.waitForOutput("web-app-2 joined")) << process.errors();
    EXPECT_EQ(1, countLines(process.output(), "^\\d{4}-\\d\\d-\\d\\dT[0-9:.]+Z leader: none -> web-app-1$"))
        << process.output();
    const int before = countLines(process.output());
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    server.reload(environment.answers());
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    environment.container("web-app-1").state = std::string("stopping");
    server.reload(environment.answers());
    ASSERT_TRUE(process.waitForOutput("web-app-1 eligible: true -> false"));
    EXPECT_EQ(before + 4, countLines(process.output())) << process.output();
    EXPECT_EQ(1,
              countLines(process.output(), "Z leader: web-app-1 -> web-app-2 \\(web-app-1 is stopping\\)$"));
    EXPECT_EQ(1, countLines(process.output(), "Z role: follower -> leader$"));
    EXPECT_EQ(1, countLines(process.output(), "Z web-app-1 state: running -> stopping$"));
    EXPECT_EQ("", process.errors());
}

TEST(StatusWatch, SurvivesAnEngineThatFails) {
    MetadataServer server(service(2, 2).answers());
    server.stop();
    Process process(status(server.url(), {"--watch"}));
    ASSERT_TRUE(process.waitForOutput("engine: up -> down \\(.*connection refused\\)\n"));
    server.start();
    ASSERT_TRUE(process.waitForOutput("engine: down -> up\n", 20s));
    ASSERT_TRUE(process.waitForOutput("leader: none -> web-app-1\n"));
    EXPECT_TRUE(process.running());
}

TEST(StatusWatch, AsJsonIsAnObjectALineThatScriptsCanActOn) {
    Environment environment = service(2, 2);
    MetadataServer server(environment.answers());
    Process process(status(server.url(), {"--watch", "--json"}));
    ASSERT_TRUE(process.waitForOutput("\"changes\".*\n")) << process.errors();
    ASSERT_TRUE(eventually([&] { return settled(server); }));
    server.reload(environment.remove("web-app-1").answers());
    ASSERT_TRUE(process.waitForOutput("\n.*\"changes\".*\n"));
    std::istringstream lines(process.output());
    std::string line;
    std::getline(lines, line);
    EXPECT_EQ("web-app-1", parseJson(line)->getValue<std::string>("name"));
    std::getline(lines, line);
    const auto object = parseJson(line);
    EXPECT_EQ("web-app-2", object->getValue<std::string>("name"));
    EXPECT_EQ('Z', object->getValue<std::string>("time").back());
    const auto change = object->getArray("changes")->getObject(0);
    EXPECT_EQ("leader", change->getValue<std::string>("what"));
    EXPECT_EQ("web-app-1", change->getValue<std::string>("from"));
    EXPECT_EQ("web-app-2", change->getValue<std::string>("to"));
}

TEST(StatusWatch, EndsBySignal) {
    MetadataServer server(service(2, 2).answers());
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        Process process(status(server.url(), {"--watch"}));
        ASSERT_TRUE(process.waitForOutput("web-app-2 joined"));
        process.signal(signal);
        EXPECT_EQ(128 + signal, process.exitCode());
    }
}

TEST(StatusWatch, EndsWhenNobodyReadsItAnyMore) {
    MetadataServer server(service(2, 2).answers());
    Process::Options options;
    options.command = {"bash", "-c",
                       leaderBinary() + " status --watch --engine " + server.url() +
                           " | { read -r line; echo \"$line\"; }; echo ${PIPESTATUS[0]}"};
    const auto ended = runToEnd(options);
    EXPECT_EQ(1, countLines(ended.output, "leader: none -> web-app-1")) << ended.output;
    EXPECT_EQ(1, countLines(ended.output, "^141$")) << ended.output;
    EXPECT_EQ("", ended.errors);
}

}  // namespace
}  // namespace leader::test
