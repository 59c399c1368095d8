#include "poller/schedule/poll_plan.h"

#include <algorithm>
#include <cmath>

namespace kdq {

using run_time_grid::buckets;
using run_time_grid::edges;

namespace {

/// Below this share of tasks still running nothing is known any more.
constexpr double vanishing = 1e-12;

/// How many equal polls split `width` seconds, in which a share `ends` of `survival` ends, best.
double equal_polls(double ends, double width, double survival, double price) {
  const double weight = price * 2 * std::max(survival - ends / 2, vanishing);
  return std::max(1.0, std::round(std::sqrt(ends * width / weight)));
}

} // namespace

RunTimeCurve::RunTimeCurve(const RunTimeShares& shares) {
  for (std::size_t i = buckets; i-- > 0;) {
    survival_[i] = survival_[i + 1] + shares[i];
    remaining_[i] =
        remaining_[i + 1] + (survival_[i] + survival_[i + 1]) / 2 * (edges()[i + 1] - edges()[i]);
  }
}

double RunTimeCurve::survival(double age, std::size_t bucket) const {
  const double inside = (age - edges()[bucket]) / (edges()[bucket + 1] - edges()[bucket]);
  return std::lerp(survival_[bucket], survival_[bucket + 1], std::clamp(inside, 0.0, 1.0));
}

double RunTimeCurve::remaining(double age, std::size_t bucket) const {
  const double end = edges()[bucket + 1];
  return remaining_[bucket + 1] +
         (survival(age, bucket) + survival_[bucket + 1]) / 2 * std::max(0.0, end - age);
}

PollPlan::PollPlan(std::shared_ptr<const RunTimeCurve> curve, Seconds price)
    : curve_(std::move(curve)), price_(price.count()) {
  for (std::size_t i = buckets; i-- > 0;)
    plan_from(i);
}

void PollPlan::plan_from(std::size_t i) {
  const auto& survival = curve_->survival_;
  const auto& remaining = curve_->remaining_;
  const double alive = survival[i];
  if (alive < vanishing)
    return;
  const double ends = alive - survival[i + 1];
  const double width = edges()[i + 1] - edges()[i];
  const double polls = equal_polls(ends, width, alive, price_);
  const double asked = polls * alive - ends * (polls - 1) / 2;
  double best = price_ * asked + ends * width / (2 * polls) + cost_[i + 1];
  double best_polls = asked + polls_[i + 1];
  for (std::size_t j = i + 2; j <= buckets; ++j) {
    const double wait = alive * (edges()[j] - edges()[i]) - (remaining[i] - remaining[j]);
    const double first = price_ * alive + wait;
    if (first >= best)
      break;
    if (first + cost_[j] < best) {
      best = first + cost_[j];
      best_polls = alive + polls_[j];
    }
  }
  cost_[i] = best;
  polls_[i] = best_polls;
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
  const double ends = alive - curve_->survival_[i + 1];
  const double width = edges()[i + 1] - a;
  const double polls = equal_polls(ends, width, alive, price_);
  double best =
      price_ * (polls * alive - ends * (polls - 1) / 2) + ends * width / (2 * polls) + cost_[i + 1];
  double best_gap = width / polls;
  const double remaining = curve_->remaining(a, i);
  for (std::size_t j = i + 2; j <= buckets; ++j) {
    const double wait = alive * (edges()[j] - a) - (remaining - curve_->remaining_[j]);
    const double first = price_ * alive + wait;
    if (first >= best)
      break;
    if (first + cost_[j] < best) {
      best = first + cost_[j];
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
  return std::lerp(polls_[i], polls_[i + 1], inside) / alive;
}

} // namespace kdq
