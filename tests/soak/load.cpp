#include "tests/soak/load.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Parser.h>

#include <csignal>
#include <regex>

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestRun = 20s;
// Of those that end at once, as where nobody listens.
constexpr auto kShortestRun = 500ms;
// wrk knows no rate, but a pause between an answer and the next request: the machine is not to be full.
const std::string kPause = "function delay() return 20 end\n";
constexpr const char* kBitsPerSecond = "400M";

long sumOf(const std::string& text, const std::string& pattern) {
    const std::regex expression(pattern);
    long sum = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at)
        for (std::size_t group = 1; group < at->size(); ++group) sum += std::stol((*at)[group]);
    return sum;
}

std::string onlyHost(const std::string& address, std::uint16_t port) {
    return "http://" + address + ":" + std::to_string(port) + "/";
}

}  // namespace

Load::Load(const Fleet& fleet) : fleet_(fleet) {
    writeFile(folder_ / "pause.lua", kPause);
    addWrk(Fleet::kProxy, 16, false);
    addWrk(0, 6, true);
    addWrk(1, 8, false);
    addIperf3();
}

void Load::addWrk(std::size_t process, int connections, bool fresh) {
    std::vector<std::string> command = {"wrk",
                                        "-t1",
                                        "-c" + std::to_string(connections),
                                        "-d5s",
                                        "--timeout",
                                        "10s",
                                        "-s",
                                        folder_ / "pause.lua"};
    if (fresh) command.insert(command.end(), {"-H", "Connection: close"});
    command.push_back(onlyHost(fleet_.address(process), fleet_.httpPort()));
    clients_.push_back({[command] { return command; }, &Load::takeWrk});
}

void Load::addIperf3() {
    // By turns through the proxy and either member, in either direction.
    const auto command = [this] {
        const std::size_t through[] = {Fleet::kProxy, 0, 1};
        const unsigned turn = transfer_++;
        std::vector<std::string> words = {"iperf3", "-J",
                                          "-c",     fleet_.address(through[turn % std::size(through)]),
                                          "-p",     std::to_string(fleet_.bulkPort()),
                                          "-P",     "2",
                                          "-t",     "3",
                                          "-b",     kBitsPerSecond};
        if (turn % 2 == 1) words.emplace_back("-R");
        return words;
    };
    clients_.push_back({command, &Load::takeIperf3});
}

void Load::tick() {
    for (Client& client : clients_) {
        const auto age = Clock::now() - client.started;
        if (client.process && age < kShortestRun) continue;
        if (client.process && client.process->running()) {
            if (age < kLongestRun) continue;
            client.process->signal(SIGKILL);
            client.process->waitForExit();
        }
        collect(client);
        client.process = std::make_unique<Process>(Process::Options{.command = client.command()});
        client.started = Clock::now();
    }
}

void Load::stop() {
    // On INT both say what they have done.
    for (Client& client : clients_)
        if (client.process) client.process->signal(SIGINT);
    for (Client& client : clients_) {
        if (client.process && !client.process->waitForExit(5s)) client.process->signal(SIGKILL);
        collect(client);
    }
}

void Load::collect(Client& client) {
    if (!client.process) return;
    client.process->waitForExit();
    (this->*client.take)(client.process->output());
    client.process.reset();
}

void Load::takeWrk(const std::string& output) {
    traffic_.requests += sumOf(output, R"((\d+) requests in )");
    traffic_.failed += sumOf(output, R"(connect (\d+), read (\d+), write (\d+), timeout (\d+))");
    traffic_.failed += sumOf(output, R"(Non-2xx or 3xx responses: (\d+))");
}

void Load::takeIperf3(const std::string& output) {
    ++traffic_.transfers;
    try {
        Poco::JSON::Parser parser;
        const auto result = parser.parse(output).extract<Poco::JSON::Object::Ptr>();
        if (result->has("error")) ++traffic_.transfersCut;
        const auto intervals = result->getArray("intervals");
        for (std::size_t i = 0; intervals && i < intervals->size(); ++i)
            traffic_.bytes += intervals->getObject(static_cast<unsigned>(i))
                                  ->getObject("sum")
                                  ->getValue<Poco::Int64>("bytes");
    } catch (const Poco::Exception&) {
        ++traffic_.transfersCut;
    }
}

std::vector<pid_t> Load::pids() const {
    std::vector<pid_t> found;
    for (const Client& client : clients_)
        if (client.process) found.push_back(client.process->pid());
    return found;
}

}  // namespace leader::test
