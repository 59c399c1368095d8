// How many requests may be on the wire: what the engine begins, the transport sends at once.
#pragma once

#include <cstddef>

namespace kdq {

// What is begun and has no answer would be lost by a crash, as a gap in a log or a start that is
// not confirmed: no more than a busy service needs. A request that hangs takes its place for a
// minute, so starts have places of their own, and of both kinds each app has a part
// (engine/requests/shares.h).
inline constexpr std::size_t most_polls_under_way = 128;
inline constexpr std::size_t most_starts_under_way = 64;

} // namespace kdq
