// Ages of open tasks, counted in cells so that many tasks of one script are budgeted at once.
#pragma once

#include "poller/schedule/run_time_grid.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <vector>

namespace kdq::age_cells {

/// Four to a bucket of the grid; cell 0 is a task that was not asked yet.
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

/// How many tasks are in which cell. Cells without a task are left out.
class Counts {
public:
  struct Cell {
    int cell;
    std::size_t tasks;
  };

  void add(int cell, std::size_t tasks = 1) {
    const auto at = find(cell);
    if (at != cells_.end() && at->cell == cell)
      at->tasks += tasks;
    else
      cells_.insert(at, {cell, tasks});
  }
  /// A task that was added before.
  void remove(int cell) {
    const auto at = find(cell);
    assert(at != cells_.end() && at->cell == cell);
    if (--at->tasks == 0)
      cells_.erase(at);
  }
  /// By cell.
  const std::vector<Cell>& cells() const { return cells_; }

private:
  std::vector<Cell>::iterator find(int cell) {
    return std::lower_bound(cells_.begin(), cells_.end(), cell,
                            [](const Cell& a, int b) { return a.cell < b; });
  }

  std::vector<Cell> cells_;
};

} // namespace kdq::age_cells
