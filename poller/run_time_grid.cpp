#include "poller/run_time_grid.h"

#include <algorithm>
#include <cmath>

namespace kdq::run_time_grid {

namespace {

std::array<double, buckets + 1> make_edges() {
  std::array<double, buckets + 1> edges{};
  for (std::size_t i = 1; i <= buckets; ++i)
    edges[i] = first_edge_seconds * std::exp2(static_cast<double>(i - 1) / buckets_per_octave);
  return edges;
}

} // namespace

const std::array<double, buckets + 1>& edges() {
  static const auto table = make_edges();
  return table;
}

std::size_t bucket_of(double seconds) {
  if (!(seconds >= first_edge_seconds))
    return 0;
  const double position = std::log2(seconds / first_edge_seconds) * buckets_per_octave;
  auto bucket = 1 + static_cast<std::size_t>(std::min(position, double{buckets}));
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
