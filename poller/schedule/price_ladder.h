// The prices a status request can have: seconds of waiting that one request is worth.
#pragma once

#include "poller/schedule/run_time_grid.h"

#include <algorithm>
#include <cmath>

namespace kdq::price_ladder {

/// From 1/16 ms to 4.7 hours in steps of a factor 2^¼. At the lowest price all gaps are near the
/// shortest.
inline constexpr int top = 112;
inline constexpr Seconds lowest{0.001 / 16};

inline Seconds price(int rung) {
  return lowest * std::exp2(rung / 4.0);
}

/// The highest rung whose price is not above the given one.
inline int rung_below(Seconds price) {
  const double rung = 4 * std::log2(std::max(price, lowest) / lowest);
  return std::clamp(static_cast<int>(std::floor(rung + 1e-9)), 0, top);
}

} // namespace kdq::price_ladder
