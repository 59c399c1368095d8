// Order statistics.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace kdq::bench {

/// The value that a share of `part` (0 to 1) does not exceed, by nearest rank; 0 for no values.
inline double percentile(std::vector<double> values, double part) {
  if (values.empty())
    return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

inline double median(const std::vector<double>& values) {
  return percentile(values, 0.5);
}

} // namespace kdq::bench
