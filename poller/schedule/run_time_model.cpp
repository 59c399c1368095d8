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

/// Convolves each column with a two-sided exponential.
template <class Number, std::size_t Columns>
void smooth(std::array<std::array<Number, Columns>, buckets>& shares,
            const std::array<Number, Columns>& decay) {
  using Row = std::array<Number, Columns>;
  constexpr auto nothing = static_cast<Number>(next_to_nothing);
  Row keep{};
  for (std::size_t j = 0; j < Columns; ++j)
    keep[j] = 1 - decay[j];
  Row carried{};
  const auto step = [&](Row& row) {
    for (std::size_t j = 0; j < Columns; ++j)
      row[j] = carried[j] = keep[j] * row[j] + decay[j] * carried[j] + nothing;
  };
  std::for_each(shares.begin(), shares.end(), step);
  carried.fill(0);
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

RunTimePool::RunTimePool() : expectation_(base_expectation()) {}

void RunTimePool::learn(const RunTimeShares& shares) {
  for (std::size_t i = 0; i < buckets; ++i)
    counts_[i] += shares[i];
  runs_ += 1;
  if (runs_ < next_refresh_)
    return;
  next_refresh_ = std::max(runs_ + 1, runs_ * 1.05);
  ++version_;
  std::array<std::array<double, 1>, buckets> smoothed;
  for (std::size_t i = 0; i < buckets; ++i)
    smoothed[i][0] = counts_[i];
  smooth<double, 1>(smoothed, {decay_of(pool_width_octaves * std::pow(runs_, narrowing) *
                                        run_time_grid::buckets_per_octave)});
  const auto base = base_expectation();
  for (std::size_t i = 0; i < buckets; ++i)
    expectation_[i] = smoothed[i][0] + base_weight * base[i];
  normalise(expectation_);
}

RunTimeModel::RunTimeModel() {
  std::fill_n(weight_.begin(), views, 1.0F / float{views});
}

RunTimeModel::Views RunTimeModel::look(const RunTimePool& pool) const {
  Views shares;
  Lanes decay{};
  for (std::size_t m = 0; m < memories; ++m) {
    const double narrow = std::pow(std::max(1.0, memory_[m].runs), narrowing);
    for (std::size_t w = 0; w < widths; ++w)
      decay[m * widths + w] = static_cast<float>(
          decay_of(width_octaves[w] * narrow * run_time_grid::buckets_per_octave));
  }
  for (std::size_t i = 0; i < buckets; ++i) {
    shares[i].fill(0);
    for (std::size_t j = 0; j < views; ++j)
      shares[i][j] = memory_[j / widths].counts[i];
  }
  smooth(shares, decay);
  Lanes sum{};
  for (std::size_t i = 0; i < buckets; ++i) {
    const auto prior = static_cast<float>(prior_weight * pool.expectation()[i]);
    for (std::size_t j = 0; j < lanes; ++j)
      sum[j] += shares[i][j] += prior;
  }
  Lanes scale; // sums are not zero: no run time is impossible for the pool
  for (std::size_t j = 0; j < lanes; ++j)
    scale[j] = 1 / sum[j];
  for (Lanes& row : shares)
    for (std::size_t j = 0; j < lanes; ++j)
      row[j] *= scale[j];
  return shares;
}

/// The views of one bucket in one.
float RunTimeModel::mixed(const Lanes& row) const {
  constexpr std::size_t third = lanes / 3;
  std::array<float, third> part{};
  for (std::size_t q = 0; q < third; ++q)
    part[q] = weight_[q] * row[q] + weight_[q + third] * row[q + third] +
              weight_[q + 2 * third] * row[q + 2 * third];
  return (part[0] + part[1]) + (part[2] + part[3]);
}

RunTimeShares RunTimeModel::predict(const RunTimePool& pool) const {
  if (runs_ == 0)
    return pool.expectation();
  const Views shares = look(pool);
  RunTimeShares mixture{};
  for (std::size_t i = 0; i < buckets; ++i)
    mixture[i] = static_cast<double>(mixed(shares[i]));
  normalise(mixture);
  return mixture;
}

/// Counts a run; `shares` sum to one: where it fell.
void RunTimeModel::remember(const RunTimeShares& shares) {
  for (std::size_t m = 0; m < memories; ++m) {
    const double keep = 1 - 1 / memory_runs[m];
    const auto kept = static_cast<float>(keep);
    for (std::size_t i = 0; i < buckets; ++i)
      memory_[m].counts[i] =
          memory_[m].counts[i] * kept + static_cast<float>(shares[i] + next_to_nothing);
    memory_[m].runs = memory_[m].runs * keep + 1;
  }
}

/// Lets the views foretell the run, and trusts more those that did it well.
void RunTimeModel::weigh(const RunTimeSpan& span, const RunTimePool& pool) {
  if (runs_ == 0) { // all have the same to say
    std::copy(pool.expectation().begin(), pool.expectation().end(), outlook_.begin());
    return;
  }
  const Views shares = look(pool);
  Lanes likelihood{};
  for (std::size_t i = span.first; i <= span.last; ++i) {
    const auto part = static_cast<float>(span.part(i));
    for (std::size_t j = 0; j < lanes; ++j)
      likelihood[j] += part * shares[i][j];
  }
  for (std::size_t i = 0; i < buckets; ++i)
    outlook_[i] = mixed(shares[i]);
  float sum = 0;
  for (std::size_t j = 0; j < views; ++j)
    sum += weight_[j] *= likelihood[j];
  constexpr auto dealt = static_cast<float>(weight_share);
  constexpr float even = 1.0F / float{views};
  for (std::size_t j = 0; j < views; ++j)
    weight_[j] = (1 - dealt) * (sum > 0 ? weight_[j] / sum : even) + dealt * even;
}

void RunTimeModel::learn(const RunTime& run, RunTimePool& pool) {
  const RunTimeSpan span = span_of(run);
  if (runs_ < runs_for_every_weighing || runs_ % weigh_every == 0)
    weigh(span, pool);
  // An interval's mass is spread as the estimate so far has it.
  RunTimeShares mixture{};
  for (std::size_t i = span.first; i <= span.last; ++i)
    mixture[i] = span.part(i) * static_cast<double>(outlook_[i]);
  if (std::accumulate(mixture.begin(), mixture.end(), 0.0) <= 0)
    mixture[span.last] = 1;
  normalise(mixture);
  remember(mixture);
  if (runs_ < runs_for_pool)
    pool.learn(mixture);
  ++runs_;
}

} // namespace kdq
