// What is known of how long a script runs. Pure arithmetic: no clock, no randomness.
#pragma once

#include "poller/schedule/run_time_grid.h"
#include "store/run_time.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace kdq {

/// Where one run fell: shares of neighbouring buckets that sum to one.
struct RunTimeSpread {
  std::size_t first = 0;
  std::vector<float> shares;
};

/// What a script is expected to do before its first run: the first three runs of every script,
/// starting from a wide log-normal around 30 s and some that end at once.
class RunTimePool {
public:
  RunTimePool();
  void learn(const RunTimeSpread& run);
  const RunTimeShares& expectation() const { return expectation_; }
  /// Changes when expectation() does: each time the pool has grown by 5 %.
  std::uint32_t version() const { return version_; }

private:
  RunTimeShares counts_{};
  double runs_ = 0;
  double next_refresh_ = 1;
  RunTimeShares base_; ///< the expectation before any run
  RunTimeShares expectation_;
  std::uint32_t version_ = 0;
};

/// Where on the grid a run fell; in the .cpp file.
struct RunTimeSpan;

/// The run times of one script: three histograms that forget at different speeds, seen through
/// three smoothing widths; the nine views are weighted by how well each foretold the runs so far.
/// The first few runs are kept as they are: most scripts of an app may have no more, and histograms
/// take kilobytes.
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
  static constexpr std::size_t few = 4;

  /// One number for each memory, side by side in a register of the processor: smoothing is a chain
  /// from bucket to bucket, and the chains of all memories together take as long as one. The fourth
  /// stays empty.
  using Memories = float __attribute__((vector_size(16)));
  using PerView = std::array<Memories, widths>;
  using Counts = std::array<Memories, run_time_grid::buckets>;
  struct Views {
    std::array<PerView, run_time_grid::buckets> rows;
    PerView weight; ///< of each view, such that weighted rows sum to what predict() gives
    PerView scale;  ///< brings a view's sum to one
    float mixed(std::size_t bucket) const;
  };

  static constexpr float even = 1.0F / float{widths * memories};
  static const Memories kept;
  static void count(const RunTimeSpread& run, Memories times, Counts& counts);
  Counts count_first() const;
  void remember(RunTimeSpread run);
  void look(const RunTimePool& pool, Views& views) const;
  void weigh(const RunTimeSpan& span, const Views& views);

  std::vector<RunTimeSpread> first_;          ///< while there are only a few
  std::unique_ptr<Counts> counts_;            ///< after that
  std::array<double, memories> remembered_{}; ///< runs that a memory still counts
  PerView weight_{};
  std::uint64_t runs_ = 0;
};

} // namespace kdq
