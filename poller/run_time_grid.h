// The scale on which run times are counted: logarithmic buckets from half a second to hours.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace kdq {

/// Ages and prices inside the polling policy; the interfaces around it speak milliseconds.
using Seconds = std::chrono::duration<double>;

namespace run_time_grid {

/// The first bucket is [0, 0.5 s), then 16 an octave: 256 reach 8.7 hours. Finer buckets did not
/// pay in simulation, and a plan costs the square of their number.
inline constexpr std::size_t buckets = 256;
inline constexpr double buckets_per_octave = 16;
inline constexpr double first_edge_seconds = 0.5;

/// edges()[i] is where bucket i begins, in seconds; edges()[buckets] is the end of the last.
const std::array<double, buckets + 1>& edges();

/// The bucket that holds an age in seconds; ages beyond the grid are in the last one.
std::size_t bucket_of(double seconds);

} // namespace run_time_grid

/// A weight for each bucket.
using RunTimeShares = std::array<double, run_time_grid::buckets>;

} // namespace kdq
