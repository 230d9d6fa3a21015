// What the soak does to its fleet: failovers, and faults of the metadata.

#include <csignal>

#include "tests/soak/soak.h"

namespace leader::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kEndWithin = 15s;
constexpr int kReloadsInAStorm = 30;

}  // namespace

const std::vector<Soak::Action> Soak::kActions = {
    {"is replaced by the next in order", &Soak::makeLast, false},
    {"is stopped, by the metadata", &Soak::stopState, false},
    {"is frozen and loses the lead", &Soak::freeze, false},
    {"is killed", &Soak::killLeader, true},
    {"is told to end", &Soak::terminate, true},
    {"loses its command", &Soak::killCommand, true},
    {"stays, and one that waits is killed", &Soak::killFollower, false},
};

const std::vector<Soak::MetadataFault> Soak::kFaults = {
    {"down", &Soak::down},
    {"hanging", &Soak::hang},
    {"a byte each 2 ms", &Soak::trickle},
    {"garbage", &Soak::garbage},
    {"truncated", &Soak::truncate},
    {"500", &Soak::error500},
    {"404", &Soak::notFound},
    {"HTML", &Soak::html},
    {"closing each connection", &Soak::closeAlways},
    {"reloading all the time", &Soak::storm},
};

void Soak::failover() {
    const int leader = fleet_.expected();
    const Action* action = nullptr;
    do action = &kActions[random_() % kActions.size()];
    while (action->ends && Fleet::lives(leader));
    note(Fleet::nameOf(leader) + " " + action->name);
    ++tally_.failovers;
    (this->*action->act)(leader);
}

void Soak::makeLast(int leader) {
    fleet_.makeLast(leader);
    fleet_.publish();
}

void Soak::stopState(int leader) {
    fleet_.setState(leader, "stopped");
    fleet_.publish();
}

void Soak::freeze(int leader) {
    Process& process = fleet_.process(leader);
    process.signal(SIGSTOP);
    makeLast(leader);
    pass(between(500, 3000));
    process.signal(SIGCONT);
}

void Soak::killLeader(int leader) {
    ++tally_.kills;
    ending_.insert(leader);
    fleet_.kill(leader);
    pass(between(0, 500));
    stopState(leader);
}

void Soak::terminate(int leader) {
    ending_.insert(leader);
    fleet_.process(leader).signal(SIGTERM);
    if (chance(50)) stopState(leader);
    const auto deadline = Clock::now() + kEndWithin;
    while (fleet_.running(leader)) {
        if (Clock::now() > deadline) throw Violation{Fleet::nameOf(leader) + " does not end on TERM"};
        step();
    }
    if (fleet_.process(leader).exitCode() != 128 + SIGTERM)
        throw Violation{Fleet::nameOf(leader) + " ends on TERM with code " +
                        std::to_string(fleet_.process(leader).exitCode().value_or(-1))};
    expectNoOrphans(leader);
    stopState(leader);
}

// As where the container is started again under its old index: the same member goes on to lead.
void Soak::killCommand(int leader) {
    ++tally_.kills;
    ending_.insert(leader);
    const pid_t command = fleet_.commandOf(leader);
    ::kill(command, SIGKILL);
    const auto code = fleet_.process(leader).exitCode(kEndWithin);
    if (code != 128 + SIGKILL)
        throw Violation{Fleet::nameOf(leader) + " does not end as its command did, but with code " +
                        std::to_string(code.value_or(-1))};
    expectNoOrphans(leader);
    comeBack(leader);
    if (!faulty_) agree(command);
}

void Soak::killFollower(int leader) {
    std::vector<int> waiting;
    for (int i = Fleet::kLiving; i < Fleet::kMembers; ++i)
        if (i != leader) waiting.push_back(i);
    const int member = waiting[random_() % waiting.size()];
    ++tally_.kills;
    ending_.insert(member);
    fleet_.kill(member);
    pass(between(0, 500));
    stopState(member);
}

void Soak::comeBack(int member) {
    if (!fleet_.running(member)) fleet_.start(member);
    ending_.erase(member);
    if (!fleet_.stopped(member)) return;
    fleet_.makeLast(member);
    fleet_.setState(member, "running");
    fleet_.publish();
}

void Soak::expectNoOrphans(int member) {
    const auto orphans = fleet_.endOrphans(load_.pids());
    if (!orphans.empty()) throw Violation{Fleet::nameOf(member) + " leaves " + orphans[0] + " behind"};
}

// Each server of its own: members come to see different things.
void Soak::beginFault() {
    const MetadataFault& fault = kFaults[random_() % kFaults.size()];
    ++tally_.faults;
    faulty_ = true;
    std::string where;
    for (std::size_t i = 0; i <= Fleet::kProxy; ++i) {
        if (!chance(60)) continue;
        (this->*fault.begin)(*fleet_.servers()[i]);
        where += " " + std::to_string(i + 1);
    }
    note(std::string("metadata ") + fault.name + ", servers" + where);
}

void Soak::endFault() {
    faulty_ = false;
    for (auto& server : fleet_.servers()) {
        server->setFault({});
        server->start();
    }
    note("metadata right again");
}

void Soak::down(MetadataServer& server) {
    server.stop();
}

// Whoever polls gets to see it at once.
void Soak::misbehave(MetadataServer& server, const Fault& fault) {
    server.setFault(fault);
    server.dropConnections();
}

void Soak::storm(MetadataServer& server) {
    for (int i = 0; i < kReloadsInAStorm; ++i) {
        server.reload(fleet_.answers());
        if (i % 10 == 0) step();
    }
}

}  // namespace leader::test
