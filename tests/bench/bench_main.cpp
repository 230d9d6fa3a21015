// The figures that the project states about itself, each beside what it is measured against, in one run.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <stdexcept>

#include "tests/support/environment.h"
#include "tests/support/eventually.h"
#include "tests/support/metadata_server.h"
#include "tests/support/process.h"

extern char** environ;

namespace leader::test {
namespace {

using namespace std::chrono_literals;
using Nanoseconds = std::int64_t;

constexpr int kChanges = 50;
constexpr int kPairs = 200;
constexpr int kOurs = 5;
constexpr int kAll = 10'000;
// Longer than the 100 ms for which a change after another one waits.
constexpr auto kCalm = 200ms;

Nanoseconds now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<Nanoseconds>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

void await(const std::string& what, const std::function<bool()>& condition) {
    if (!eventually(condition, 30s)) throw std::runtime_error("in vain: waiting for " + what);
}

std::string format(double value, const char* unit) {
    char text[48];
    std::snprintf(text, sizeof text, value < 10 ? "%.2f %s" : "%.0f %s", value, unit);
    return text;
}

void row(const std::string& figure, const std::string& ours, const std::string& theirs,
         const std::string& ratio, const std::string& goal) {
    std::printf("%-44s %12s %12s %8s  %s\n", figure.c_str(), ours.c_str(), theirs.c_str(), ratio.c_str(),
                goal.c_str());
    std::fflush(stdout);
}

Environment service(int members, int self) {
    Environment environment;
    environment.addMembers(members);
    environment.container("web-app-" + std::to_string(self)).address = "127.0.0.1";
    return environment;
}

/// Starts a program with posix_spawn(3) and nothing else.
pid_t spawn(std::vector<std::string> words, int output = -1) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (output >= 0) posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    pid_t pid = 0;
    const int failure = ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) throw std::runtime_error("cannot start " + words[0]);
    return pid;
}

/// Waits in a long poll as a member does, without a client library, and then starts the probe.
class BareMember {
  public:
    BareMember(const MetadataServer& server, std::string probe)
        : probe_(std::move(probe)), socket_(Poco::Net::SocketAddress("127.0.0.1", server.port())) {
        socket_.setNoDelay(true);
    }

    void startPoll(const std::string& version) {
        const std::string request = "GET /2015-12-19/version?wait=true&value=" + version +
                                    "&maxWait=60 HTTP/1.1\r\nHost: rancher-metadata\r\n\r\n";
        socket_.sendBytes(request.data(), static_cast<int>(request.size()));
    }

    /// When the probe's first instruction ran.
    Nanoseconds finishPollAndSpawn() {
        std::array<char, 4096> answer;
        if (socket_.receiveBytes(answer.data(), answer.size()) <= 0) throw std::runtime_error("no answer");
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        const UniqueFd read(ends[0]);
        const UniqueFd write(ends[1]);
        const pid_t pid = spawn({probe_}, write.get());
        std::array<char, 32> line{};
        const auto count = ::read(read.get(), line.data(), line.size() - 1);
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        if (count <= 0) throw std::runtime_error("the probe said nothing");
        return std::stoll(line.data());
    }

  private:
    std::string probe_;
    Poco::Net::StreamSocket socket_;
};

double bareChange(MetadataServer& server, BareMember& member) {
    member.startPoll(server.versionToken());
    await("the bare poll", [&] { return server.waiting() == 1; });
    std::this_thread::sleep_for(kCalm);
    auto answers = service(kOurs, 1).answers();
    const Nanoseconds start = now();
    server.reload(std::move(answers));
    return static_cast<double>(member.finishPollAndSpawn() - start) / 1e6;
}

double leaderChange(MetadataServer& server, Process& process) {
    await("the member's poll", [&] { return server.waiting() == 1; });
    std::this_thread::sleep_for(kCalm);
    const auto before = process.output().size();
    auto answers = service(kOurs, 1).answers();
    const Nanoseconds start = now();
    server.reload(std::move(answers));
    await("the command", [&] { return process.output().size() > before; });
    const Nanoseconds ran = std::stoll(process.output().substr(before));
    await("the member's poll", [&] { return server.waiting() == 1; });
    server.reload(service(kOurs, 2).answers());
    await("the command's end", [&] { return descendants(process.pid()).empty(); });
    return static_cast<double>(ran - start) / 1e6;
}

void measureChange(const std::string& leader, const std::string& probe) {
    // A server each, so that a change wakes one of them only.
    MetadataServer bareServer(service(kOurs, 2).answers());
    MetadataServer server(service(kOurs, 2).answers());
    BareMember bare(bareServer, probe);
    Process process(
        {.command = {leader, "run", "--engine", server.url("2015-12-19"), "--log-level", "warning", probe}});
    std::vector<double> ours;
    std::vector<double> floor;
    for (int i = 0; i < kChanges; ++i) {
        floor.push_back(bareChange(bareServer, bare));
        ours.push_back(leaderChange(server, process));
    }
    row("metadata change to first instruction", format(median(ours), "ms"), format(median(floor), "ms"),
        format(median(ours) / median(floor), "x"), "<= 2 x a bare long poll and a bare spawn");
}

double timeOf(const std::vector<std::string>& command) {
    int status = 0;
    const Nanoseconds start = now();
    ::waitpid(spawn(command), &status, 0);
    const auto took = static_cast<double>(now() - start) / 1e6;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error(command[0] + " failed");
    return took;
}

void measureCheck(const std::string& leader, const std::string& figure, const std::string& goal) {
    MetadataServer server(service(kOurs, 1).answers());
    const std::vector<std::string> ours = {leader, "check", "--engine", server.url("2015-12-19")};
    const std::vector<std::string> theirs = {
        "curl", "-s", "-o", "/dev/null", "-H", "Accept: application/json", server.url("2015-12-19/self")};
    std::vector<double> ourTimes;
    std::vector<double> theirTimes;
    for (int i = 0; i < kPairs; ++i) {
        // Each goes first as often as second.
        if (i % 2 == 0) ourTimes.push_back(timeOf(ours));
        theirTimes.push_back(timeOf(theirs));
        if (i % 2 != 0) ourTimes.push_back(timeOf(ours));
    }
    row("leader-check, " + figure, format(median(ourTimes), "ms"), format(median(theirTimes), "ms"),
        format(median(ourTimes) / median(theirTimes), "x"), goal);
}

double mebibytes(pid_t pid, const std::string& file, const std::string& field) {
    std::ifstream lines("/proc/" + std::to_string(pid) + "/" + file);
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind(field + ":", 0) == 0) return std::stod(line.substr(field.size() + 1)) / 1024;
    }
    throw std::runtime_error("no " + field);
}

void measureMemory(const std::string& leader, const std::string& figure, const std::string& goal) {
    MetadataServer server(service(kOurs, 2).answers());
    Process process({.command = {leader, "run", "--engine", server.url(), "sleep", "1"}});
    await("the member's poll", [&] { return server.waiting() == 1; });
    row("resident memory of a waiting member" + figure,
        format(mebibytes(process.pid(), "status", "VmRSS"), "MiB"),
        format(mebibytes(process.pid(), "smaps_rollup", "Private_Dirty"), "MiB"), "",
        goal + "against: of it private and written to");
}

void measureBytes(const std::string& leader, Environment::Shape shape, const std::string& name,
                  const std::string& goal) {
    Environment environment = service(kOurs, 2);
    environment.addCrowd(kAll - kOurs).versions({Environment::kMiddle}).shape(shape);
    auto answers = environment.answers();
    const auto first = findAnswer(answers, Environment::kMiddle, "default", {"containers", "0"});
    const double worth = static_cast<double>(kOurs * toJson(*first).size()) / 1024;
    MetadataServer server(environment.answers());
    Process process({.command = {leader, "run", "--engine", server.url(Environment::kMiddle), "sleep", "1"}});
    await("the member's poll", [&] { return server.waiting() == 1; });
    std::this_thread::sleep_for(kCalm);
    const auto before = server.bytesSent();
    const auto polls = server.requests("/2015-12-19/version?wait");
    server.reload(std::move(answers));
    await("the next poll", [&] { return server.requests("/2015-12-19/version?wait") > polls; });
    const auto read = static_cast<double>(server.bytesSent() - before) / 1024;
    row("bytes read a change, 5 of 10,000, " + name, format(read, "KiB"), format(worth, "KiB"),
        format(read / worth, "x"), goal);
}

}  // namespace
}  // namespace leader::test

int main(int argc, char** argv) {
    using leader::test::Environment;
    if (argc != 4) {
        std::fputs("usage: leader-bench LEADER STATIC-LEADER PROBE\n", stderr);
        return 2;
    }
    const std::string leader = argv[1];
    const std::string statically = argv[2];
    try {
        leader::test::row("", "leader", "against", "ratio", "goal");
        leader::test::measureCheck(leader, "whole process", "<= 0.6 x curl with the same document");
        leader::test::measureCheck(statically, "whole process, static",
                                   "<= 0.25 x curl with the same document");
        leader::test::measureChange(leader, argv[3]);
        leader::test::measureMemory(leader, "", "");
        leader::test::measureMemory(statically, ", static", "<= 3 MiB; ");
        leader::test::measureBytes(leader, Environment::Shape::kObjects, "objects",
                                   "against: 5 containers' worth; self says host, service and stack too");
        leader::test::measureBytes(leader, Environment::Shape::kNames, "names",
                                   "no goal: the containers come in one list");
    } catch (const std::exception& error) {
        std::fprintf(stderr, "leader-bench: %s\n", error.what());
        return 1;
    }
    return 0;
}
