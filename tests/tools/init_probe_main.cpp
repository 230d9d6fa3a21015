// A command that tells how the process 1 above it does its duties.

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

// Alive at one time; a multiple of it is what `orphans` leaves behind.
constexpr int kCrowd = 500;
constexpr auto kPatience = std::chrono::seconds(90);

/// Prints the number of each signal it gets, after `prefix`, and ends with code 7 when there were `count`.
int printSignals(int count, const char* prefix, bool values = false) {
    sigset_t all;
    sigfillset(&all);
    std::printf("%sready\n", prefix);
    for (int i = 0; i < count; ++i) {
        siginfo_t info{};
        while (sigwaitinfo(&all, &info) < 0) continue;  // interrupted by a stop
        std::printf("%s%d", prefix, info.si_signo);
        if (values) std::printf(" %d", info.si_code == SI_QUEUE ? info.si_value.sival_int : 0);
        std::printf("\n");
        std::fflush(stdout);
    }
    return 7;
}

void blockSignals() {
    setvbuf(stdout, nullptr, _IOLBF, 0);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
}

int values(int count) {
    blockSignals();
    return printSignals(count, "", true);
}

int signals(int count, bool withChild) {
    blockSignals();
    if (!withChild) return printSignals(count, "");
    const pid_t child = fork();
    if (child == 0) _exit(printSignals(count, "child "));
    const int code = printSignals(count, "");
    waitpid(child, nullptr, 0);
    return code;
}

// Half of a crowd's parent: its children all end at once, when it is gone and the pipe is closed.
void leaveCrowd() {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) std::exit(2);
    const pid_t parent = fork();
    if (parent == 0) {
        for (int i = 0; i < kCrowd; ++i) {
            if (fork() != 0) continue;
            close(ends[1]);
            char byte = 0;
            _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
        }
        _exit(0);
    }
    int status = 0;
    waitpid(parent, &status, 0);
    close(ends[0]);
    close(ends[1]);
}

int childrenOf(pid_t pid) {
    const std::string number = std::to_string(pid);
    std::ifstream list("/proc/" + number + "/task/" + number + "/children");
    int count = 0;
    for (pid_t child = 0; list >> child;) ++count;
    return count;
}

/// Leaves `count` orphans to the parent, prints the milliseconds until the last one is reaped; 1 if one
/// stays.
int orphans(int count) {
    const auto start = Clock::now();
    for (int left = 0; left < count; left += kCrowd) leaveCrowd();
    while (childrenOf(getppid()) > 1) {
        if (Clock::now() - start > kPatience) return 1;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::printf("%.1f\n", std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    return 0;
}

/// Whether the terminal on standard input is this process group's.
int foreground() {
    return tcgetpgrp(STDIN_FILENO) == getpgrp() ? 0 : 1;
}

/// Becomes the command with `signal` pending, sent by another process.
int pending(int signal, char** command) {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, signal);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    const pid_t sender = fork();
    if (sender == 0) _exit(kill(getppid(), signal));
    waitpid(sender, nullptr, 0);
    execvp(command[0], command);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string duty = argc > 1 ? argv[1] : "";
    const int count = argc > 2 ? std::atoi(argv[2]) : 0;
    if (duty == "signals" && count > 0) return signals(count, argc > 3);
    if (duty == "values" && count > 0) return values(count);
    if (duty == "orphans" && count > 0) return orphans(count);
    if (duty == "foreground") return foreground();
    if (duty == "pending" && argc > 3) return pending(count, argv + 3);
    std::fputs(
        "usage: init-probe signals COUNT [both] | values COUNT | orphans COUNT | foreground |\n"
        "                  pending SIGNAL COMMAND...\n",
        stderr);
    return 2;
}
