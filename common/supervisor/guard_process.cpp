#include "common/supervisor/guard_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "common/base/sabotage.h"

namespace leader::guard {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
/// Between two rounds of KILL while leader does not end them, doubled each time.
constexpr int kFirstPauseMs = 5;
constexpr int kLongestPauseMs = 1000;
/// Rounds of KILL once leader is gone; what forks meanwhile is met by the next one.
constexpr int kLastRounds = 8;
/// Of parents between a process and leader; a longer chain is a fork bomb, whose group is killed anyway.
constexpr int kDeepest = 64;

constexpr int kSocket = 0;  ///< where its end of the socket goes, so that all above can be closed
constexpr int kTimer = 1;

std::int64_t now() {
    timespec t{};
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec * kSecond + t.tv_nsec;
}

// Decimal, as snprintf(3) may take locks.
char* appendNumber(char* to, pid_t number) {
    std::array<char, 12> digits;
    std::size_t count = 0;
    do {
        digits[count++] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) *to++ = digits[--count];
    return to;
}

pid_t numberIn(const char* text) {
    pid_t number = 0;
    for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + (*text - '0');
    return *text == '\0' || *text == ' ' ? number : 0;
}

struct Relations {
    pid_t parent = 0;
    pid_t group = 0;
};

// From /proc/PID/stat, "PID (NAME) STATE PPID PGRP …"; zeros where there is no such process.
Relations relationsOf(pid_t pid) {
    std::array<char, 32> path{};
    std::memcpy(path.data(), "/proc/", 6);
    std::memcpy(appendNumber(path.data() + 6, pid), "/stat", 5);
    const int file = open(path.data(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return {};
    std::array<char, 512> text{};
    const ssize_t length = read(file, text.data(), text.size() - 1);
    close(file);
    const char* rest = length > 0 ? std::strrchr(text.data(), ')') : nullptr;
    constexpr std::size_t kToParent = 4;  // ") S "
    if (rest == nullptr || std::strlen(rest) <= kToParent) return {};
    const char* parent = rest + kToParent;
    const char* group = std::strchr(parent, ' ');
    return {numberIn(parent), group != nullptr ? numberIn(group + 1) : 0};
}

// A proc(5) of another pid namespace speaks of strangers.
bool canSeeProcesses() {
    std::array<char, 16> self{};
    return readlink("/proc/self", self.data(), self.size() - 1) > 0 && numberIn(self.data()) == getpid();
}

/// Kills the command and what descends from it.
class Killer {
  public:
    explicit Killer(const Orders& orders) : leader_(orders.leader), strangers_(*orders.strangers) {}

    void setCommand(pid_t command) {
        command_ = command;
        if (pidFd_ >= 0) close(pidFd_);
        pidFd_ = static_cast<int>(syscall(SYS_pidfd_open, command, 0));
    }

    // The group in one step, which no fork(2) slips through; the command itself, which may have left it; and
    // what can be found of the others.
    void killAll() const {
        if (sabotage::kNoKill) return;
        killGroup(SIGKILL);
        if (pidFd_ >= 0)
            syscall(SYS_pidfd_send_signal, pidFd_, SIGKILL, nullptr, 0);
        else if (command_ > 0)
            kill(command_, SIGKILL);  // not reaped by a leader that lives, so the pid is its own
        if (canSeeProcesses())
            killDescendants();
        else if (leader_ == 1)
            kill(-1, SIGKILL);  // spares this process and PID 1
    }

    // Nobody adopts orphans for leader any more, so what has left the group is only found while its parents
    // live.
    void killOrphans() const {
        if (sabotage::kNoKill) return;
        killGroup(SIGSTOP);
        if (canSeeProcesses()) killDescendants();
        killGroup(SIGKILL);
    }

  private:
    void killGroup(int signal) const {
        if (command_ > 0) kill(-command_, signal);
    }

    void killDescendants() const {
        const int directory = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0) return;
        alignas(dirent64) std::array<char, 8192> entries;
        for (;;) {
            const long size = syscall(SYS_getdents64, directory, entries.data(), entries.size());
            if (size <= 0) break;
            for (long at = 0; at < size;) {
                const auto* entry = reinterpret_cast<const dirent64*>(entries.data() + at);
                at += entry->d_reclen;
                if (const pid_t pid = numberIn(entry->d_name)) killIfDescendant(pid);
            }
        }
        close(directory);
    }

    // A pidfd stays with its process: what is read of the pid after it was opened is of that one, or the
    // signal goes nowhere.
    void killIfDescendant(pid_t pid) const {
        if (!descends(pid)) return;
        const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
        if (fd < 0) {
            if (errno != ESRCH) kill(pid, SIGKILL);
            return;
        }
        if (descends(pid)) syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0);
        close(fd);
    }

    bool descends(pid_t pid) const {
        const pid_t self = getpid();
        for (int depth = 0; depth < kDeepest; ++depth) {
            if (pid == self || strangers_.count(pid) != 0) return false;
            if (command_ > 0 && pid == command_) return true;
            const Relations relations = relationsOf(pid);
            const bool inGroup = command_ > 0 && relations.group == command_;
            if (inGroup || relations.parent == leader_) return true;
            if (relations.parent <= 1) return false;
            pid = relations.parent;
        }
        return false;
    }

    pid_t leader_;
    const std::set<pid_t>& strangers_;
    pid_t command_ = 0;
    int pidFd_ = -1;
};

void closeFrom(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    for (rlim_t fd = first; fd < limit.rlim_cur; ++fd) close(static_cast<int>(fd));
}

// Nothing of leader's may be held here: a port, a pipe whose reader waits for its end, a working directory.
// Whoever signals leader's group or session, or the terminal's, does not mean this process.
bool settleIn(const Orders& orders) {
    setsid();
    prctl(PR_SET_NAME, "leader-guard");
    if (orders.socket != kSocket && dup2(orders.socket, kSocket) < 0) return false;
    closeFrom(kSocket + 1);
    return chdir("/") == 0 && timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK) == kTimer;
}

// On the boot-time clock, as poll(2) does not count the time for which a machine is suspended.
void setTimer(std::int64_t deadline) {
    itimerspec when{};
    deadline = std::max<std::int64_t>(deadline, 1);
    when.it_value.tv_sec = deadline / kSecond;
    when.it_value.tv_nsec = deadline % kSecond;
    timerfd_settime(kTimer, TFD_TIMER_ABSTIME, &when, nullptr);
}

// False: it was renewed in the last moment, or shortened.
bool fire(Deadline& deadline, std::int64_t seen) {
    return deadline.compare_exchange_strong(seen, kFired);
}

}  // namespace

void live(const Orders& orders) {
    if (!settleIn(orders)) _exit(1);
    Killer killer(orders);
    const Message ready{0};
    send(kSocket, &ready, sizeof ready, MSG_NOSIGNAL);
    int pauseMs = kFirstPauseMs;
    for (;;) {
        const std::int64_t deadline = orders.deadline->load();
        int timeout = -1;
        if (deadline > now()) {
            setTimer(deadline);
        } else if (fire(*orders.deadline, deadline)) {
            killer.killAll();
            timeout = pauseMs;
            pauseMs = std::min(2 * pauseMs, kLongestPauseMs);
        } else {
            continue;
        }
        pollfd watched[] = {{kSocket, POLLIN, 0}, {kTimer, POLLIN, 0}};
        poll(watched, timeout < 0 ? 2 : 1, timeout);
        if (watched[0].revents == 0) continue;
        Message message{};
        // A leader that has ended without reading all is told of by ECONNRESET, once, and that before what it
        // has sent: which may be the command.
        const ssize_t size = recv(kSocket, &message, sizeof message, MSG_DONTWAIT);
        if (size == static_cast<ssize_t>(sizeof message)) {
            if (message.command > 0) killer.setCommand(message.command);
            send(kSocket, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
            pauseMs = kFirstPauseMs;
        } else if (size == 0 || (errno != EAGAIN && errno != EINTR && errno != ECONNRESET)) {
            if (orders.deadline->load() == kIdle) _exit(0);
            for (int round = 0; round < kLastRounds; ++round) killer.killOrphans();
            _exit(0);
        }
    }
}

std::int64_t nanosecondsOf(Instant instant) {
    return instant.time_since_epoch().count();
}

}  // namespace leader::guard
