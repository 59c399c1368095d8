// Ages of open tasks, counted in cells so that many tasks of one script are budgeted at once.
#pragma once

#include "poller/schedule/run_time_grid.h"

#include <cmath>

namespace kdq::age_cells {

/// Four to a bucket; cell 0 is a task that was not asked yet.
inline constexpr double per_octave = 4 * run_time_grid::buckets_per_octave;

inline int cell_of(Seconds age) {
  if (age.count() <= 0)
    return 0;
  const double octaves = std::log2(age.count() / run_time_grid::first_edge_seconds);
  return octaves < 0 ? 1 : 2 + static_cast<int>(octaves * per_octave);
}

/// The age that stands for all in the cell: its middle.
inline Seconds age_of(int cell) {
  if (cell <= 1)
    return Seconds(cell * run_time_grid::first_edge_seconds / 2);
  return Seconds(run_time_grid::first_edge_seconds * std::exp2((cell - 1.5) / per_octave));
}

} // namespace kdq::age_cells
