#pragma once

/// The exit codes of the applets; they are part of the interface. A command's own code, or 128 + the signal
/// that ended it, is passed on as it is.
namespace leader::exit_code {

inline constexpr int kSuccess = 0;
inline constexpr int kNotLeader = 1;
inline constexpr int kUsage = 2;
/// The answer is not known; the reason is on standard error.
inline constexpr int kCannotTell = 3;
/// leader itself cannot work: a port cannot be had, output not be written; no descriptors, processes or
/// memory are left.
inline constexpr int kInternal = 70;
/// `--on-loss exit`: leadership is lost, starting again may help (EX_TEMPFAIL of sysexits.h).
inline constexpr int kLeadershipLost = 75;
inline constexpr int kNotExecutable = 126;
inline constexpr int kNotFound = 127;
inline constexpr int kSignalBase = 128;

}  // namespace leader::exit_code
