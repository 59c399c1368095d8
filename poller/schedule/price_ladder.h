// The prices a status request can have: seconds of waiting that one request is worth.
#pragma once

#include "poller/schedule/run_time_grid.h"

#include <algorithm>
#include <cmath>

namespace kdq::price_ladder {

/// From 1 ms to 4.7 hours in steps of a factor 2^¼. A poll is never for nothing, however many the
/// day has left: each is written to disk twice. At the lowest price a task that is expected to run
/// for another minute is asked three times a second, one for another hour every 3 s.
inline constexpr int top = 96;
inline constexpr Seconds lowest{0.001};

inline Seconds price(int rung) {
  return lowest * std::exp2(rung / 4.0);
}

/// The highest rung whose price is not above the given one.
inline int rung_below(Seconds price) {
  const double rung = 4 * std::log2(std::max(price, lowest) / lowest);
  return std::clamp(static_cast<int>(std::floor(rung + 1e-9)), 0, top);
}

} // namespace kdq::price_ladder
