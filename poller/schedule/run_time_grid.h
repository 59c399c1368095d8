// The scale on which run times are counted: logarithmic buckets up to hours.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace kdq {

/// Ages and prices inside the polling policy; the interfaces around it speak milliseconds.
using Seconds = std::chrono::duration<double>;

namespace run_time_grid {

/// The first bucket is [0, 1/16 s), then one an octave: what ends at once is asked for soon after
/// its start, but how much faster than half a second it is does not matter. From there on 16 an
/// octave: 255 reach 8.7 hours. Finer buckets did not pay in simulation.
inline constexpr double first_edge_seconds = 1.0 / 16;
inline constexpr std::size_t coarse_buckets = 4;
inline constexpr double fine_from_seconds = 0.5;
inline constexpr double buckets_per_octave = 16;
inline constexpr std::size_t buckets = coarse_buckets + 255;

/// Where each bucket begins, in seconds, and the end of the last. Powers of two with sixteenths as
/// exponents; known when compiled, because plans read it millions of times.
inline constexpr std::array<double, buckets + 1> make_edges() {
  // 2^(i/16)
  constexpr double sixteenths[] = {
      1.0,
      1.0442737824274138,
      1.0905077326652577,
      1.1387886347566916,
      1.189207115002721,
      1.241857812073484,
      1.2968395546510096,
      1.3542555469368927,
      1.4142135623730951,
      1.4768261459394993,
      1.5422108254079407,
      1.6104903319492543,
      1.681792830507429,
      1.7562521603732995,
      1.8340080864093424,
      1.9152065613971474,
  };
  std::array<double, buckets + 1> edges{};
  double octave = first_edge_seconds;
  for (std::size_t i = 1; i < coarse_buckets; ++i, octave *= 2)
    edges[i] = octave;
  for (std::size_t i = coarse_buckets; i <= buckets; ++i) {
    const std::size_t fine = (i - coarse_buckets) % 16;
    edges[i] = octave * sixteenths[fine];
    if (fine == 15)
      octave *= 2;
  }
  return edges;
}
inline constexpr auto edge_table = make_edges();

/// edges()[i] is where bucket i begins; edges()[buckets] is the end of the last.
constexpr const std::array<double, buckets + 1>& edges() {
  return edge_table;
}

/// The bucket into which an age in seconds falls; ages beyond the grid are in the last one.
std::size_t bucket_of(double seconds);

} // namespace run_time_grid

/// A weight for each bucket.
using RunTimeShares = std::array<double, run_time_grid::buckets>;

} // namespace kdq
