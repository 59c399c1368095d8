// The prices a status request can have: seconds of waiting that one request is worth.
#pragma once

#include "poller/schedule/run_time_grid.h"

#include <algorithm>
#include <cmath>

namespace kdq::price_ladder {

/// From 1 ms to 4.7 hours in steps of a factor 2^¼.
inline constexpr int top = 96;

inline Seconds price(int rung) {
  return Seconds(0.001 * std::exp2(rung / 4.0));
}

/// The highest rung whose price is not above the given one.
inline int rung_below(Seconds price) {
  const double rung = 4 * std::log2(std::max(price.count(), 0.001) / 0.001);
  return std::clamp(static_cast<int>(std::floor(rung + 1e-9)), 0, top);
}

} // namespace kdq::price_ladder
