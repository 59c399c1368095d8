// What is known of how long a script runs. Pure arithmetic: no clock, no randomness.
#pragma once

#include "poller/schedule/run_time_grid.h"
#include "store/run_time.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kdq {

/// What a script is expected to do before its first run: the first three runs of every script,
/// starting from a wide log-normal around 30 s.
class RunTimePool {
public:
  RunTimePool();
  /// `shares` sum to one: where one run fell.
  void learn(const RunTimeShares& shares);
  const RunTimeShares& expectation() const { return expectation_; }
  /// Changes when expectation() does: each time the pool has grown by 5 %.
  std::uint32_t version() const { return version_; }

private:
  RunTimeShares counts_{};
  double runs_ = 0;
  double next_refresh_ = 1;
  RunTimeShares expectation_{};
  std::uint32_t version_ = 0;
};

/// Where on the grid a run fell; in the .cpp file.
struct RunTimeSpan;

/// The run times of one script: three histograms that forget at different speeds, seen through
/// three smoothing widths; the nine views are weighted by how well each foretold the runs so far.
class RunTimeModel {
public:
  RunTimeModel();

  /// Learns one run. Call in the order of submission: of overlapping runs the short ones end first,
  /// and learning in that order would make the script look faster than it is.
  /// The first three runs of a script also teach the pool.
  void learn(const RunTime& run, RunTimePool& pool);

  /// The distribution of the next run; sums to one. With no run yet this is the pool's.
  RunTimeShares predict(const RunTimePool& pool) const;

  std::uint64_t runs() const { return runs_; }

private:
  static constexpr std::size_t widths = 3;
  static constexpr std::size_t memories = 3;
  static constexpr std::size_t views = widths * memories;
  struct Memory {
    std::array<float, run_time_grid::buckets> counts{};
    double runs = 0;
  };

  /// A share of each view, bucket by bucket: smoothing is a chain from bucket to bucket, and the
  /// chains of all views side by side take little longer than one. Twelve lanes fill the vectors of
  /// the processor; those beyond the views stay unused.
  static constexpr std::size_t lanes = 12;
  using Lanes = std::array<float, lanes>;
  using Views = std::array<Lanes, run_time_grid::buckets>;

  void remember(const RunTimeShares& shares);
  Views look(const RunTimePool& pool) const;
  float mixed(const Lanes& row) const;
  void weigh(const RunTimeSpan& span, const RunTimePool& pool);

  std::array<Memory, memories> memory_;
  Lanes weight_{};
  std::array<float, run_time_grid::buckets> outlook_{}; ///< the views' mixture, as last weighed
  std::uint64_t runs_ = 0;
};

} // namespace kdq
