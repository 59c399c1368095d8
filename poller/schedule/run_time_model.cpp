#include "poller/schedule/run_time_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kdq {

namespace {

using run_time_grid::buckets;
using run_time_grid::edges;

// The constants are those that did best on simulated days (tests/bench/polling); halving or
// doubling any one of them moves the mean wait there by less than 2 %.
constexpr std::array<double, 3> width_octaves{0.05, 0.3, 1.2};
// The shortest memory is for scripts that change at once: without it the wait is 9 % longer where
// half of the scripts become three times slower, elsewhere there is no difference.
constexpr std::array<double, 3> memory_runs{400, 16, 4};
constexpr double prior_weight = 0.3;
constexpr double weight_share = 0.01; // of every view's weight is dealt out evenly after each run
constexpr double pool_width_octaves = 2.5;
constexpr double base_weight = 4; // in runs of the pool
constexpr std::uint64_t runs_for_pool = 3;
// To weigh the views against each other costs more than all else about a run. Where many runs of a
// script are known, one in four does.
constexpr std::uint64_t runs_for_every_weighing = 200;
constexpr std::uint64_t weigh_every = 4;
constexpr double narrowing =
    -0.2; // kernel width falls as runs^-1/5, the optimal rate for a density

/// By how much of itself each bucket is carried on to the next, for smooth(): `deviation` is the
/// standard deviation in buckets.
double decay_of(double deviation) {
  const double variance = deviation * deviation;
  return variance < 1e-6 ? 0 : ((variance + 1) - std::sqrt(2 * variance + 1)) / variance;
}

/// Added to what shrinks and shrinks: processors are slow with the smallest numbers.
constexpr double next_to_nothing = 1e-20;

/// Convolves with a two-sided exponential.
void smooth(RunTimeShares& shares, double decay) {
  double carried = 0;
  const auto step = [&](double& share) {
    share = carried = (1 - decay) * share + decay * carried + next_to_nothing;
  };
  std::for_each(shares.begin(), shares.end(), step);
  carried = 0;
  std::for_each(shares.rbegin(), shares.rend(), step);
}

void normalise(RunTimeShares& shares) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (sum > 0)
    for (double& share : shares)
      share /= sum;
}

/// A log-normal with median 30 s and a factor e² as its deviation, plus a little everywhere: no run
/// time is impossible.
RunTimeShares base_expectation() {
  constexpr double median_seconds = 30;
  constexpr double sigma = 2;
  constexpr double everywhere = 0.01;
  const auto below = [](double seconds) {
    return seconds <= 0
               ? 0.0
               : 0.5 * std::erfc(-std::log(seconds / median_seconds) / sigma / std::sqrt(2));
  };
  RunTimeShares base{};
  for (std::size_t i = 0; i < buckets; ++i)
    base[i] = below(edges()[i + 1]) - below(edges()[i]) + everywhere / double{buckets};
  normalise(base);
  return base;
}

} // namespace

struct RunTimeSpan {
  std::size_t first = 0;
  std::size_t last = 0; ///< inclusive
  double low = 0;
  double high = 0;

  /// The part of a bucket inside the span; one for the bucket of a moment.
  double part(std::size_t bucket) const {
    if (first == last)
      return 1;
    const double begin = std::max(low, edges()[bucket]);
    const double end = bucket + 1 == buckets ? std::max(high, edges()[bucket + 1])
                                             : std::min(high, edges()[bucket + 1]);
    return std::max(0.0, end - begin) / (edges()[bucket + 1] - edges()[bucket]);
  }
};

namespace {

RunTimeSpan span_of(const RunTime& run) {
  RunTimeSpan span;
  span.low = Seconds(run.low).count();
  span.high = std::max(span.low, Seconds(run.high).count());
  if (run.exact)
    span.low = span.high = std::clamp(Seconds(*run.exact).count(), span.low, span.high);
  span.first = run_time_grid::bucket_of(span.low);
  span.last = run_time_grid::bucket_of(span.high);
  return span;
}

} // namespace

RunTimePool::RunTimePool() : base_(base_expectation()), expectation_(base_) {}

void RunTimePool::learn(const RunTimeSpread& run) {
  for (std::size_t i = 0; i < run.shares.size(); ++i)
    counts_[run.first + i] += static_cast<double>(run.shares[i]);
  runs_ += 1;
  if (runs_ < next_refresh_)
    return;
  next_refresh_ = std::max(runs_ + 1, runs_ * 1.05);
  ++version_;
  expectation_ = counts_;
  smooth(expectation_, decay_of(pool_width_octaves * std::pow(runs_, narrowing) *
                                run_time_grid::buckets_per_octave));
  for (std::size_t i = 0; i < buckets; ++i)
    expectation_[i] += base_weight * base_[i];
  normalise(expectation_);
}

RunTimeModel::RunTimeModel() {
  for (std::size_t w = 0; w < widths; ++w)
    std::fill_n(weight_.begin() + w * stride, memories, 1.0F / float{view_count});
}

/// The views of the next run; each is to be multiplied by its scale.
void RunTimeModel::look(const RunTimePool& pool, Views& views) const {
  constexpr auto nothing = static_cast<float>(next_to_nothing);
  PerView decay{};
  for (std::size_t m = 0; m < memories; ++m) {
    const double narrow = std::pow(std::max(1.0, remembered_[m]), narrowing);
    for (std::size_t w = 0; w < widths; ++w)
      decay[w * stride + m] = static_cast<float>(
          decay_of(width_octaves[w] * narrow * run_time_grid::buckets_per_octave));
  }
  PerView keep;
  for (std::size_t j = 0; j < keep.size(); ++j)
    keep[j] = 1 - decay[j];

  Counts early;
  const Counts& counts = counts_ ? *counts_ : early;
  if (!counts_) {
    early.fill({});
    count_first(early);
  }
  PerView carried{};
  for (std::size_t i = 0; i < buckets; ++i) {
    PerView row;
    for (std::size_t w = 0; w < widths; ++w)
      std::copy_n(counts[i].begin(), stride, row.begin() + w * stride);
    for (std::size_t j = 0; j < row.size(); ++j)
      carried[j] = (keep[j] * row[j] + nothing) + decay[j] * carried[j];
    views.rows[i] = carried;
  }
  carried.fill(0);
  PerView sum{};
  for (std::size_t i = buckets; i-- > 0;) {
    const auto prior = static_cast<float>(prior_weight * pool.expectation()[i]);
    PerView& row = views.rows[i];
    for (std::size_t j = 0; j < row.size(); ++j) {
      carried[j] = (keep[j] * row[j] + nothing) + decay[j] * carried[j];
      sum[j] += row[j] = carried[j] + prior;
    }
  }
  // Sums are not zero: no run time is impossible for the pool.
  for (std::size_t j = 0; j < sum.size(); ++j)
    views.scale[j] = 1 / sum[j];
  for (std::size_t j = 0; j < sum.size(); ++j)
    views.weight[j] = weight_[j] * views.scale[j];
}

/// The views of one bucket in one.
float RunTimeModel::Views::mixed(std::size_t bucket) const {
  const PerView& row = rows[bucket];
  PerMemory part{};
  for (std::size_t w = 0; w < widths; ++w)
    for (std::size_t m = 0; m < stride; ++m)
      part[m] += weight[w * stride + m] * row[w * stride + m];
  return (part[0] + part[1]) + (part[2] + part[3]);
}

RunTimeShares RunTimeModel::predict(const RunTimePool& pool) const {
  if (runs_ == 0)
    return pool.expectation();
  Views views;
  look(pool, views);
  RunTimeShares mixture;
  for (std::size_t i = 0; i < buckets; ++i)
    mixture[i] = static_cast<double>(views.mixed(i));
  return mixture;
}

void RunTimeModel::count(const RunTimeSpread& run, std::array<float, memories> times,
                         Counts& counts) {
  for (std::size_t i = 0; i < run.shares.size(); ++i)
    for (std::size_t m = 0; m < memories; ++m)
      counts[run.first + i][m] += times[m] * run.shares[i];
}

/// The first runs as they are remembered now.
void RunTimeModel::count_first(Counts& counts) const {
  std::array<float, memories> times{1, 1, 1};
  for (auto run = first_.rbegin(); run != first_.rend(); ++run) {
    count(*run, times, counts);
    for (std::size_t m = 0; m < memories; ++m)
      times[m] *= static_cast<float>(1 - 1 / memory_runs[m]);
  }
}

void RunTimeModel::remember(RunTimeSpread run) {
  for (std::size_t m = 0; m < memories; ++m)
    remembered_[m] = remembered_[m] * (1 - 1 / memory_runs[m]) + 1;
  if (first_.size() < few && !counts_) {
    first_.push_back(std::move(run));
    return;
  }
  if (!counts_) {
    counts_ = std::make_unique<Counts>();
    count_first(*counts_);
    first_ = {};
  }
  PerMemory keep{};
  for (std::size_t m = 0; m < memories; ++m)
    keep[m] = static_cast<float>(1 - 1 / memory_runs[m]);
  constexpr auto nothing = static_cast<float>(next_to_nothing);
  for (PerMemory& row : *counts_)
    for (std::size_t m = 0; m < stride; ++m)
      row[m] = row[m] * keep[m] + nothing;
  count(run, {1, 1, 1}, *counts_);
}

/// Trusts those views more that foretold the run well.
void RunTimeModel::weigh(const RunTimeSpan& span, const Views& views) {
  PerView likelihood{};
  for (std::size_t i = span.first; i <= span.last; ++i) {
    const auto part = static_cast<float>(span.part(i));
    for (std::size_t j = 0; j < likelihood.size(); ++j)
      likelihood[j] += part * views.rows[i][j];
  }
  float sum = 0;
  for (std::size_t j = 0; j < likelihood.size(); ++j)
    sum += weight_[j] *= likelihood[j] * views.scale[j];
  constexpr auto dealt = static_cast<float>(weight_share);
  constexpr float even = 1.0F / float{view_count};
  for (std::size_t j = 0; j < likelihood.size(); ++j)
    if (j % stride < memories)
      weight_[j] = (1 - dealt) * (sum > 0 ? weight_[j] / sum : even) + dealt * even;
}

void RunTimeModel::learn(const RunTime& run, RunTimePool& pool) {
  const RunTimeSpan span = span_of(run);
  const bool exact = span.first == span.last;
  RunTimeSpread spread{span.first, std::vector<float>(span.last - span.first + 1, 1.0F)};
  const auto spread_as = [&](auto expected) { // an interval, as the estimate so far has it
    std::vector<double> shares;
    for (std::size_t i = span.first; i <= span.last; ++i)
      shares.push_back(span.part(i) * static_cast<double>(expected(i)));
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    for (std::size_t i = 0; i < shares.size(); ++i)
      spread.shares[i] = sum > 0 ? static_cast<float>(shares[i] / sum) : 0.0F;
    if (sum <= 0)
      spread.shares.back() = 1;
  };
  if (runs_ == 0) { // all views have the same to say
    if (!exact)
      spread_as([&](std::size_t i) { return pool.expectation()[i]; });
  } else if (!exact || runs_ < runs_for_every_weighing || runs_ % weigh_every == 0) {
    Views views;
    look(pool, views);
    if (!exact)
      spread_as([&](std::size_t i) { return views.mixed(i); });
    weigh(span, views);
  }
  if (runs_ < runs_for_pool)
    pool.learn(spread);
  remember(std::move(spread));
  ++runs_;
}

} // namespace kdq
