#include "tests/safety/crew.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

namespace leader::test {
namespace {

constexpr const char* kNamePrefix = "member-";
constexpr std::size_t kLogTail = 3000;

}  // namespace

Crew::Crew(const Options& options)
    : options_(options), store_(options.makeStore()), members_(static_cast<std::size_t>(options.members)) {
    // Finds the orphans of members that were killed.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < size(); ++i) {
        at(i).relay = std::make_unique<Relay>(store_->ports());
        start(i);
    }
}

Crew::~Crew() {
    for (Member& each : members_) {
        if (each.process) each.process->signal(SIGKILL);
        each.process.reset();
    }
    for (const pid_t pid : descendants(getpid()))
        if (nameOf(pid) == "safety-witness") ::kill(pid, SIGKILL);
}

void Crew::start(int member) {
    Member& each = at(member);
    if (each.process) each.earlierLog += each.process->errors();
    each.process.reset();
    std::vector<std::string> command = {options_.binary, "run"};
    for (const auto& word : store_->optionsFor(each.relay->ports())) command.push_back(word);
    command.insert(command.end(), {"--self", kNamePrefix + std::to_string(member), "--ttl",
                                   std::to_string(options_.ttl.count() / 1000) + "s", "--grace-period", "0s",
                                   "--", SAFETY_WITNESS, folder_ / ""});
    each.process = std::make_unique<Process>(Process::Options{.command = command});
}

std::optional<Witness> Crew::witness() const {
    std::ifstream file(folder_ / "terms");
    Witness last;
    for (Witness each; file >> each.term >> each.name >> each.pid;) last = each;
    if (last.pid == 0 || hasEnded(last.pid)) return {};
    return last;
}

std::optional<int> Crew::leader() const {
    const auto last = witness();
    if (!last) return {};
    return std::stoi(last->name.substr(std::string(kNamePrefix).size()));
}

std::string Crew::violations() const {
    return contentOf(folder_ / "violations");
}

int Crew::leaderships() const {
    return countLines(contentOf(folder_ / "terms"));
}

std::string Crew::logs() {
    std::string all;
    for (int i = 0; i < size(); ++i) {
        std::string log = at(i).earlierLog + (at(i).process ? at(i).process->errors() : "");
        if (log.size() > kLogTail) log.erase(0, log.size() - kLogTail);
        all += "--- " + std::string(kNamePrefix) + std::to_string(i) + "\n" + log;
    }
    return all;
}

}  // namespace leader::test
