#include "poller/schedule/run_time_grid.h"

#include <algorithm>
#include <cmath>

namespace kdq::run_time_grid {

std::size_t bucket_of(double seconds) {
  if (!(seconds >= first_edge_seconds))
    return 0;
  const double octaves = std::log2(std::min(seconds, edges()[buckets]) / first_edge_seconds);
  const double fine = octaves - (coarse_buckets - 1);
  auto bucket = fine < 0 ? 1 + static_cast<std::size_t>(octaves)
                         : coarse_buckets + static_cast<std::size_t>(fine * buckets_per_octave);
  bucket = std::min(bucket, buckets - 1);
  // The logarithm may be off by a rounding at an edge.
  const auto& edge = edges();
  while (bucket > 0 && seconds < edge[bucket])
    --bucket;
  while (bucket + 1 < buckets && seconds >= edge[bucket + 1])
    ++bucket;
  return bucket;
}

} // namespace kdq::run_time_grid
