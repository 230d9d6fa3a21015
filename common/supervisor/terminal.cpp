#include "common/supervisor/terminal.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "common/supervisor/processes.h"

namespace leader {

Terminal::Terminal()
    : terminal_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)),
      onStandardInput_(tcgetpgrp(STDIN_FILENO) >= 0) {
    if (!terminal_ && onStandardInput_) terminal_.reset(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
}

bool Terminal::inForeground() const {
    return terminal_ && tcgetpgrp(terminal_.get()) == getpgrp();
}

int Terminal::forNewCommand() const {
    return onStandardInput_ && inForeground() ? terminal_.get() : -1;
}

// SIGTTOU is blocked in this process, so the calls below work from the background, too.
bool Terminal::giveTo(pid_t group) {
    if (!inForeground() || tcsetpgrp(terminal_.get(), group) != 0) return false;
    given_ = true;
    return true;
}

void Terminal::takeBack() {
    if (!given_) return;
    given_ = false;
    tcsetpgrp(terminal_.get(), getpgrp());
}

// An orphaned process group, one that has no member with a parent elsewhere in the session, is not stopped by
// the terminal's signals, as nobody could continue it (POSIX, 3.264). This process's ancestors decide for it.
bool Terminal::canSuspend() {
    const pid_t session = getsid(0);
    const ProcessTable table;
    for (pid_t pid = getpid(), parent = getppid(); parent > 0;) {
        if (pid == 1 || getsid(parent) != session) return false;
        if (getpgid(parent) != getpgrp()) return true;
        const std::optional<Process> process = table.read(parent);
        if (!process) return false;
        pid = parent;
        parent = process->parent;
    }
    return false;
}

void Terminal::suspend(int signal, bool wholeGroup) {
    takeBack();
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, signal);
    kill(wholeGroup ? 0 : getpid(), signal);
    pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
    pthread_sigmask(SIG_BLOCK, &only, nullptr);
}

}  // namespace leader
