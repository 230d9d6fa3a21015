#pragma once

/// Faults that a build can be given so that the safety tests show that they would catch them (tests/safety).
/// Nothing else defines these names.
namespace leader::sabotage {

#ifdef LEADER_SABOTAGE_NO_KILL
inline constexpr bool kNoKill = true;
#else
inline constexpr bool kNoKill = false;
#endif

#ifdef LEADER_SABOTAGE_LEASE_FROM_ANSWER
inline constexpr bool kLeaseFromAnswer = true;
#else
inline constexpr bool kLeaseFromAnswer = false;
#endif

}  // namespace leader::sabotage
