#pragma once

#include <sys/types.h>

#include "common/base/unique_fd.h"

namespace leader {

/// The terminal this process was started on, if any, and job control between the shell that may be above and
/// the command below. A shell knows leader's process group only, the terminal must talk to the command's.
class Terminal {
  public:
    Terminal();

    /// For a command that is being started: the terminal on standard input while it is in our hands, or -1.
    int forNewCommand() const;
    /// The command has started and its group has the terminal.
    void given() { given_ = true; }
    bool isGiven() const { return given_; }
    /// Gives the terminal to the command's group if this process's group has it now.
    bool giveTo(pid_t group);
    /// Takes it back from the command, if it was given.
    void takeBack();

    /// Whether somebody would notice and continue this process if it stopped: a shell with job control.
    static bool canSuspend();
    /// Stops this process, as the signal does by default, until it is continued; with `wholeGroup`, the rest
    /// of the shell's job too. The signal must be blocked.
    void suspend(int signal, bool wholeGroup);

  private:
    bool inForeground() const;

    UniqueFd terminal_;
    bool onStandardInput_ = false;
    bool given_ = false;
};

}  // namespace leader
