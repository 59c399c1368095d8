#include "poller/schedule/arrival_forecast.h"

#include <algorithm>
#include <cmath>

namespace kdq {

namespace {

using FloatSeconds = std::chrono::duration<double>;
using HalfMinutes = std::chrono::duration<std::int64_t, std::ratio<30>>;

double seconds_between(SteadyTime from, SteadyTime to) {
  return FloatSeconds(to - from).count();
}

} // namespace

bool is_same_day(SteadyTime begins, SteadyTime ends, SteadyTime other_begins,
                 SteadyTime other_ends) {
  return std::min(ends, other_ends) - std::max(begins, other_begins) > (ends - begins) / 2;
}

std::size_t ArrivalForecast::slot_of(SteadyTime at) const {
  const auto index = std::max<std::int64_t>(0, (at - begins_) / slot);
  return std::min(static_cast<std::size_t>(index), slots - 1);
}

void ArrivalForecast::arrived(SteadyTime at) {
  if (at >= ends_)
    set_day(ends_, ends_ + std::chrono::hours{24});
  today_[slot_of(at)] += 1;
  ++so_far_;
  dispersion_.arrived(begins_ + std::chrono::floor<HalfMinutes>(at - begins_));
}

void ArrivalForecast::set_day(SteadyTime begins, SteadyTime ends) {
  if (!is_same_day(begins_, ends_, begins, ends) && so_far_ > 0) {
    for (std::size_t i = 0; i < slots; ++i)
      profile_[i] = has_profile_ ? (profile_[i] + today_[i]) / 2 : today_[i];
    has_profile_ = true;
    today_.fill(0);
    so_far_ = 0;
    dispersion_.fade();
  }
  begins_ = begins;
  ends_ = ends;
}

void ArrivalForecast::Dispersion::arrived(SteadyTime begins) {
  if (begins != slot_begins) {
    const bool is_next = begins - dispersion_slot == slot_begins;
    const double step = in_slot - in_slot_before;
    squares += step * step;
    if (!is_next) // an empty slot followed
      squares += in_slot * in_slot;
    in_slot_before = is_next ? in_slot : 0;
    in_slot = 0;
    slot_begins = begins;
  }
  in_slot += 1;
  counts += 1;
}

void ArrivalForecast::Dispersion::fade() {
  squares /= 2;
  counts /= 2;
}

double ArrivalForecast::Dispersion::value() const {
  return counts > 0 ? std::max(1.0, squares / (2 * counts)) : 1.0;
}

double ArrivalForecast::by_profile(SteadyTime now, double burst) const {
  const double inertia = 40 * burst; // forty batches, or single starts
  const std::size_t current = slot_of(now);
  const double inside =
      std::clamp(seconds_between(begins_ + static_cast<std::int64_t>(current) * slot, now) /
                     FloatSeconds(slot).count(),
                 0.0, 1.0);
  double before = profile_[current] * inside;
  double after = profile_[current] - before;
  for (std::size_t i = 0; i < slots; ++i)
    (i < current ? before : after) += i == current ? 0 : profile_[i];
  // When batches came says little about when they will come, unless there were many.
  const double total = before + after;
  const double trust = total / std::max(1.0, total + inertia - 40);
  const double day_left =
      std::clamp(seconds_between(now, ends_) / seconds_between(begins_, ends_), 0.0, 1.0);
  before = std::lerp(total * (1 - day_left), before, trust);
  after = std::lerp(total * day_left, after, trust);
  const double today = (static_cast<double>(so_far_) + inertia) / (before + inertia);
  return after * std::clamp(today, 0.5, 20.0);
}

double ArrivalForecast::on_first_day(SteadyTime now, const DayBudget& budget) const {
  const double day = std::max(1.0, seconds_between(begins_, ends_));
  const double left = std::max(0.0, seconds_between(now, ends_));
  const double elapsed = std::max(1.0, day - left);
  // Before anything is known: four polls a task use up the budget, but no more tasks than a busy
  // app starts.
  const double guess = std::min({static_cast<double>(budget.status_allowed) / 4, 2500.0,
                                 static_cast<double>(budget.submit_left + so_far_)});
  const std::size_t current = slot_of(now);
  constexpr std::size_t hour = 12;
  double last_hour = 0;
  for (std::size_t i = current - std::min(current, hour - 1); i <= current; ++i)
    last_hour += today_[i];
  const double so_far = static_cast<double>(so_far_);
  // The day may go on like the last hour at half its pace, but what is to come is less than what
  // came.
  const double rate = std::max(last_hour / 3600 / 2, so_far / elapsed);
  return std::max(guess * left / day, std::min(rate * left, 0.75 * so_far));
}

ExpectedArrivals ArrivalForecast::remaining(SteadyTime now, const DayBudget& budget) const {
  const double burst = dispersion_.value();
  double starts = has_profile_ ? by_profile(now, burst) : on_first_day(now, budget);
  starts = std::max(starts, static_cast<double>(budget.queued));
  // With batches, to run dry costs more than to save too much.
  const double deviations = 1.5 - 0.5 / burst;
  starts += deviations * std::sqrt(starts * burst);
  const auto granted = static_cast<double>(std::max<std::int64_t>(0, budget.submit_left));
  return {std::min(starts, granted), std::min(2 * burst, granted)};
}

} // namespace kdq
