#include "poller/schedule/poll_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace kdq {

using run_time_grid::buckets;
using run_time_grid::edges;

namespace {

/// Below this share of tasks still running nothing is known any more.
constexpr double vanishing = 1e-12;

} // namespace

// --- RunTimeCurve ----------------------------------------------------------------------------

RunTimeCurve::RunTimeCurve(const RunTimeShares& shares) {
  double survival = 0;
  double remaining = 0;
  for (std::size_t i = buckets; i-- > 0;) {
    remaining += (survival + shares[i] / 2) * (edges()[i + 1] - edges()[i]);
    survival += shares[i];
    edges_[i] = {static_cast<float>(survival), static_cast<float>(remaining)};
  }
}

double RunTimeCurve::survival(double age, std::size_t bucket) const {
  const double inside = (age - edges()[bucket]) / (edges()[bucket + 1] - edges()[bucket]);
  return std::lerp(edges_[bucket].survival, edges_[bucket + 1].survival,
                   std::clamp(inside, 0.0, 1.0));
}

double RunTimeCurve::remaining(double age, std::size_t bucket) const {
  const double end = edges()[bucket + 1];
  const Edge& next = edges_[bucket + 1];
  return next.remaining + (survival(age, bucket) + next.survival) / 2 * std::max(0.0, end - age);
}

// --- PollPlan --------------------------------------------------------------------------------

/// The rest of a bucket in equal steps, none shorter than the shortest gap.
struct PollPlan::Split {
  double steps;
  double asked; ///< expected polls, the one at the bucket's end among them
  double cost;
};

/// `alive` tasks enter, of which `ends` end within `width` seconds, equally likely everywhere.
PollPlan::Split PollPlan::split(double ends, double width, double alive, double price) {
  const double weight = price * 2 * std::max(alive - ends / 2, vanishing);
  if (ends * width < 2.25 * weight) // nearly always: one step, without a root and two divisions
    return {1, alive, price * alive + ends * width / 2};
  const double most = std::max(1.0, std::floor(width / shortest_gap.count()));
  const double steps = std::min(most, std::floor(std::sqrt(ends * width / weight) + 0.5));
  const double asked = steps * alive - ends * (steps - 1) / 2;
  return {steps, asked, price * asked + ends * width / (2 * steps)};
}

/// The next poll at one of the later edges. To wait from i to j costs
///   alive_i · (edge_j - edge_i) - (remaining_i - remaining_j) + cost_j,
/// of which what depends on j is a line over alive_i: slope edge_j, from remaining_j + cost_j up.
/// From the end to the beginning slopes fall and alive_i grows, so that the lowest line is found
/// by going on along the lower hull.
class PollPlan::Later {
public:
  void add(std::size_t edge, double rest) {
    const Line line{edges()[edge], rest, edge};
    while (size_ - first_ >= 2 && hides(lines_[size_ - 2], line, lines_[size_ - 1]))
      --size_;
    lines_[size_++] = line;
  }

  bool empty() const { return first_ == size_; }

  struct Best {
    std::size_t edge;
    double at;
  };
  /// The lowest line if `alive` tasks run; alive must not be less than at the last call.
  Best best(double alive) {
    double lowest = lines_[first_].at(alive);
    while (size_ - first_ >= 2) {
      const double next = lines_[first_ + 1].at(alive);
      if (next > lowest)
        break;
      lowest = next;
      ++first_;
    }
    return {lines_[first_].edge, lowest};
  }

private:
  struct Line {
    double slope;
    double start;
    std::size_t edge;
    double at(double alive) const { return slope * alive + start; }
  };
  /// Nowhere is the line `between` the lowest of the three.
  static bool hides(const Line& before, const Line& after, const Line& between) {
    return (after.start - before.start) * (before.slope - between.slope) <=
           (between.start - before.start) * (before.slope - after.slope);
  }

  std::array<Line, buckets + 1> lines_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

PollPlan::PollPlan(std::shared_ptr<const RunTimeCurve> curve, Seconds price)
    : curve_(std::move(curve)), price_(price.count()) {
  Later later;
  std::size_t next = buckets; // to be added when it is far enough from i
  for (std::size_t i = buckets; i-- > 0;) {
    for (; next >= i + 2 && edges()[next] - edges()[i] >= shortest_gap.count(); --next)
      later.add(next, curve_->at(next).remaining + steps_[next].cost);
    const double alive = curve_->at(i).survival;
    const double remaining = curve_->at(i).remaining;
    if (alive < vanishing)
      continue;
    const double width = edges()[i + 1] - edges()[i];
    const bool is_wide = width >= shortest_gap.count();
    if (is_wide) {
      const Split inside = split(alive - curve_->at(i + 1).survival, width, alive, price_);
      steps_[i] = step(inside.cost + steps_[i + 1].cost, inside.asked + steps_[i + 1].polls);
    }
    if (later.empty())
      continue;
    const auto [j, line] = later.best(alive);
    if (const double cost = alive * (price_ - edges()[i]) - remaining + line;
        !is_wide || cost < steps_[i].cost)
      steps_[i] = step(cost, alive + steps_[j].polls);
  }
}

Seconds PollPlan::gap(Seconds age) const {
  const double a = std::max(0.0, age.count());
  const auto clamped = [](double gap) {
    return std::clamp(Seconds(gap), shortest_gap, longest_gap);
  };
  if (a >= edges()[buckets])
    return clamped(std::sqrt(2 * price_ * a));
  const std::size_t i = run_time_grid::bucket_of(a);
  const double alive = curve_->survival(a, i);
  if (alive < vanishing)
    return clamped(std::sqrt(2 * price_ * a));
  const double width = edges()[i + 1] - a;
  double best = std::numeric_limits<double>::infinity();
  double best_gap = shortest_gap.count();
  std::size_t j = i + 2;
  if (width >= shortest_gap.count()) {
    const Split inside = split(alive - curve_->at(i + 1).survival, width, alive, price_);
    best = inside.cost + steps_[i + 1].cost;
    best_gap = width / inside.steps;
  } else {
    while (j < buckets && edges()[j] - a < shortest_gap.count())
      ++j;
  }
  const double remaining = curve_->remaining(a, i);
  for (; j <= buckets; ++j) {
    const double wait = alive * (edges()[j] - a) - (remaining - curve_->at(j).remaining);
    const double first = price_ * alive + wait;
    if (first >= best)
      break;
    if (first + steps_[j].cost < best) {
      best = first + steps_[j].cost;
      best_gap = edges()[j] - a;
    }
  }
  return clamped(best_gap);
}

double PollPlan::expected_polls(Seconds age) const {
  const double a = std::max(0.0, age.count());
  if (a >= edges()[buckets])
    return 1;
  const std::size_t i = run_time_grid::bucket_of(a);
  const double alive = curve_->survival(a, i);
  if (alive < vanishing)
    return 1;
  const double inside = (a - edges()[i]) / (edges()[i + 1] - edges()[i]);
  return std::lerp(steps_[i].polls, steps_[i + 1].polls, inside) / alive;
}

Seconds PollPlan::expected_rest(Seconds age) const {
  const double a = std::max(0.0, age.count());
  const std::size_t i = run_time_grid::bucket_of(a);
  const double alive = curve_->survival(a, i);
  return alive < vanishing ? Seconds(a) : Seconds(curve_->remaining(a, i) / alive);
}

} // namespace kdq
