#include "common/supervisor/descendants.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <unordered_map>

namespace leader {
namespace {

bool hasChildren() {
    siginfo_t info{};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

using ChildrenByParent = std::unordered_multimap<pid_t, const Process*>;

ChildrenByParent byParent(const std::vector<Process>& all) {
    ChildrenByParent children;
    for (const Process& process : all) children.emplace(process.parent, &process);
    return children;
}

}  // namespace

void Descendants::markStrangers() {
    strangers_.clear();
    if (!hasChildren()) return;
    for (const Process& process : list())
        if (process.parent == getpid()) strangers_.insert(process.pid);
}

bool Descendants::anyLeft() const {
    if (strangers_.empty()) return hasChildren();
    return !list().empty();
}

std::vector<Process> Descendants::list() const {
    return among(table_.list());
}

std::vector<Process> Descendants::among(const std::vector<Process>& all) const {
    const ChildrenByParent children = byParent(all);
    std::vector<Process> found;
    std::vector<pid_t> parents{getpid()};
    while (!parents.empty()) {
        const pid_t parent = parents.back();
        parents.pop_back();
        const auto [begin, end] = children.equal_range(parent);
        for (auto child = begin; child != end; ++child) {
            const Process& process = *child->second;
            if (process.pid == spared_ || strangers_.count(process.pid) != 0) continue;
            found.push_back(process);
            parents.push_back(process.pid);
        }
    }
    if (found.empty() && children.count(getpid()) == 0 && hasChildren()) return childrenByAsking();
    return found;
}

// Without a usable /proc the kernel still says of each pid whether it is a child of ours. The children's own
// children come to light as these end. It takes seconds, where it is needed at all.
std::vector<Process> Descendants::childrenByAsking() const {
    std::vector<Process> found;
    for (pid_t pid = 1; pid <= highestPid_; ++pid) {
        siginfo_t info{};
        if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) continue;
        if (strangers_.count(pid) != 0) continue;
        Process process;
        process.pid = pid;
        process.parent = getpid();
        process.group = getpgid(pid);
        found.push_back(process);
    }
    return found;
}

// Without a usable /proc, PID 1 cannot tell the command's processes from others in its namespace, but there
// is one step for all of them.
bool Descendants::mustSignalEverybody() const {
    return getpid() == 1 && !table_.usable();
}

bool Descendants::signalAll(int signal, pid_t except, Told& told) const {
    if (mustSignalEverybody())
        return told.insert({-1, 0}).second && kill(-1, signal) == 0 && kill(-1, SIGCONT) == 0;
    bool any = false;
    for (const Process& process : list()) {
        if (!told.insert(process.identity()).second) continue;
        const bool stopped = process.state == 'T';
        if (process.group != except) {
            signalProcess(table_, process, signal);
            any = true;
        }
        if (stopped) signalProcess(table_, process, SIGCONT);
    }
    return any;
}

// What has KILL pending forks no more, so a round that meets nobody new has met all.
bool Descendants::killAll() const {
    constexpr int kRounds = 8;
    if (mustSignalEverybody()) {
        kill(-1, SIGKILL);
        return true;
    }
    Told met;
    for (int round = 0; round < kRounds; ++round) {
        const std::vector<Process> all = table_.list();
        const std::vector<Process> victims = among(all);
        bool anyNew = false;
        for (const Process& victim : victims) {
            if (!met.insert(victim.identity()).second) continue;
            anyNew = true;
            signalProcess(table_, victim, SIGKILL);
        }
        if (!anyNew) return true;
        if (all.empty()) break;
        if (round > 0) killGroups(victims, all);
    }
    // As PID 1 there is one step for all, which no fork(2) slips through. It is the last resort, as it takes
    // whoever entered the container from outside, too.
    if (getpid() == 1) kill(-1, SIGKILL);
    return !table_.usable();
}

// A whole group gets a signal in one step that no fork(2) slips through, so this is for what outran the round
// before. A group with any other member is left alone.
void Descendants::killGroups(const std::vector<Process>& victims, const std::vector<Process>& all) {
    std::map<pid_t, std::size_t> members;
    for (const Process& process : all) ++members[process.group];
    for (const Process& victim : victims) --members[victim.group];
    std::set<pid_t> groups;
    for (const Process& victim : victims)
        if (victim.group > 0 && members[victim.group] == 0) groups.insert(victim.group);
    for (const pid_t group : groups) kill(-group, SIGKILL);
}

}  // namespace leader
