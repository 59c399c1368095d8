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
constexpr float nothing = 1e-20F;

/// Convolves with a two-sided exponential.
void smooth(RunTimeShares& shares, double decay) {
  double carried = 0;
  const auto step = [&](double& share) {
    share = carried = (1 - decay) * share + decay * carried + double{nothing};
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

/// A log-normal with median 30 s and a factor e² as its deviation; beside it some scripts that end
/// at once, and a little everywhere: no run time is impossible.
RunTimeShares base_expectation() {
  constexpr double median_seconds = 30;
  constexpr double sigma = 2;
  constexpr double at_once = 0.2;
  constexpr double everywhere = 0.01;
  const auto below = [](double seconds) {
    return seconds <= 0
               ? 0.0
               : 0.5 * std::erfc(-std::log(seconds / median_seconds) / sigma / std::sqrt(2));
  };
  RunTimeShares base{};
  for (std::size_t i = 0; i < buckets; ++i)
    base[i] = below(edges()[i + 1]) - below(edges()[i]) + everywhere / double{buckets};
  base[0] += at_once;
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
  weight_.fill(Memories{even, even, even, 0});
}

/// The views of the next run; each is to be multiplied by its scale.
void RunTimeModel::look(const RunTimePool& pool, Views& views) const {
  PerView decay{};
  PerView keep;
  for (std::size_t m = 0; m < memories; ++m) {
    const double narrow = std::pow(std::max(1.0, remembered_[m]), narrowing);
    for (std::size_t w = 0; w < widths; ++w)
      decay[w][m] = static_cast<float>(
          decay_of(width_octaves[w] * narrow * run_time_grid::buckets_per_octave));
  }
  for (std::size_t w = 0; w < widths; ++w)
    keep[w] = 1 - decay[w];

  Counts first;
  if (!counts_)
    first = count_first();
  const Counts& counts = counts_ ? *counts_ : first;
  PerView carried{};
  for (std::size_t i = 0; i < buckets; ++i)
    for (std::size_t w = 0; w < widths; ++w)
      views.rows[i][w] = carried[w] = (keep[w] * counts[i] + nothing) + decay[w] * carried[w];
  carried = {};
  PerView sum{};
  for (std::size_t i = buckets; i-- > 0;) {
    const auto prior = static_cast<float>(prior_weight * pool.expectation()[i]);
    for (std::size_t w = 0; w < widths; ++w) {
      carried[w] = (keep[w] * views.rows[i][w] + nothing) + decay[w] * carried[w];
      views.rows[i][w] = carried[w] + prior;
      sum[w] += views.rows[i][w];
    }
  }
  for (std::size_t w = 0; w < widths; ++w) {
    views.scale[w] = 1 / sum[w]; // not by zero: no run time is impossible for the pool
    views.weight[w] = weight_[w] * views.scale[w];
  }
}

/// The views of one bucket in one.
float RunTimeModel::Views::mixed(std::size_t bucket) const {
  const PerView& row = rows[bucket];
  const Memories part = weight[0] * row[0] + weight[1] * row[1] + weight[2] * row[2];
  return (part[0] + part[1]) + part[2];
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

/// What each memory keeps of its counts when a run comes.
const RunTimeModel::Memories RunTimeModel::kept{static_cast<float>(1 - 1 / memory_runs[0]),
                                                static_cast<float>(1 - 1 / memory_runs[1]),
                                                static_cast<float>(1 - 1 / memory_runs[2]), 0};

void RunTimeModel::count(const RunTimeSpread& run, Memories times, Counts& counts) {
  for (std::size_t i = 0; i < run.shares.size(); ++i)
    counts[run.first + i] += times * run.shares[i];
}

/// The first runs as they are remembered now.
RunTimeModel::Counts RunTimeModel::count_first() const {
  Counts counts{};
  Memories times{1, 1, 1, 0};
  for (auto run = first_.rbegin(); run != first_.rend(); ++run, times *= kept)
    count(*run, times, counts);
  return counts;
}

void RunTimeModel::remember(RunTimeSpread run) {
  for (std::size_t m = 0; m < memories; ++m)
    remembered_[m] = remembered_[m] * (1 - 1 / memory_runs[m]) + 1;
  if (first_.size() < few && !counts_) {
    first_.push_back(std::move(run));
    return;
  }
  if (!counts_) {
    counts_ = std::make_unique<Counts>(count_first());
    first_ = {};
  }
  for (Memories& row : *counts_)
    row = row * kept + nothing;
  count(run, Memories{1, 1, 1, 0}, *counts_);
}

/// Trusts those views more that foretold the run well.
void RunTimeModel::weigh(const RunTimeSpan& span, const Views& views) {
  PerView likelihood{};
  for (std::size_t i = span.first; i <= span.last; ++i)
    for (std::size_t w = 0; w < widths; ++w)
      likelihood[w] += static_cast<float>(span.part(i)) * views.rows[i][w];
  Memories sums{};
  for (std::size_t w = 0; w < widths; ++w)
    sums += weight_[w] *= likelihood[w] * views.scale[w];
  const float sum = (sums[0] + sums[1]) + sums[2];
  constexpr auto dealt = static_cast<float>(weight_share);
  const Memories alike{even, even, even, 0};
  for (Memories& weight : weight_)
    weight = (1 - dealt) * (sum > 0 ? weight / sum : alike) + dealt * alike;
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
