#pragma once

#include <sys/types.h>

#include <set>
#include <utility>
#include <vector>

#include "common/supervisor/processes.h"

namespace leader {

/// The processes that a command started, and those they started, wherever they went: as PID 1 or child
/// subreaper this process inherits every orphan, so none leaves its tree. Children that were there before the
/// command, started by whoever exec'ed leader, are strangers: they and theirs are left alone. Processes that
/// entered a container from outside (docker exec) have no parent in it and are never touched.
/// Only the thread that reaps this process's children may use it.
class Descendants {
  public:
    static constexpr pid_t kHighestPid = 1 << 22;  ///< the kernel's PID_MAX_LIMIT

    /// Where the table is not usable, children are looked for up to `highestPid`.
    explicit Descendants(ProcessTable table = ProcessTable(), pid_t highestPid = kHighestPid)
        : table_(std::move(table)), highestPid_(highestPid) {}

    /// The children that this process has now are not the command's. To be called before it is started.
    void markStrangers();
    /// To be called for each reaped child.
    void reaped(pid_t child) { strangers_.erase(child); }
    const std::set<pid_t>& strangers() const { return strangers_; }
    /// A child that waiting does not find (see Guard) and that is not the command's either; 0: none.
    void spare(pid_t child) { spared_ = child; }

    bool anyLeft() const;
    std::vector<Process> list() const;

    /// Processes, by their identities, that have had a signal.
    using Told = std::set<std::pair<pid_t, unsigned long long>>;

    /// Sends the signal, and CONT to those that are stopped, to every descendant that is not among `told`,
    /// and adds it there; of those in the process group `except` it is taken for granted that they have had
    /// it. False if it was sent to nobody. What is forked meanwhile can be missed: to be repeated.
    bool signalAll(int signal, pid_t except, Told& told) const;
    /// Sends KILL until no descendant is seen that has not got it. False if they multiply faster than that:
    /// to be repeated at once then, without reaping, as the dead that keep their pids are what stops a fork
    /// bomb.
    bool killAll() const;

  private:
    std::vector<Process> childrenByAsking() const;
    bool mustSignalEverybody() const;
    std::vector<Process> among(const std::vector<Process>& all) const;
    static void killGroups(const std::vector<Process>& victims, const std::vector<Process>& all);

    ProcessTable table_;
    pid_t highestPid_;
    std::set<pid_t> strangers_;
    pid_t spared_ = 0;
};

}  // namespace leader
