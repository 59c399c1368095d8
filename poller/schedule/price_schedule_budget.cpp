// The part of PriceSchedule that fits the price to the day's budget.
#include "poller/schedule/age_cells.h"
#include "poller/schedule/price_ladder.h"
#include "poller/schedule/price_schedule.h"

#include <algorithm>

namespace kdq {

namespace {

/// Of what is left of the budget, the share that is planned with.
constexpr double usable = 0.99;
/// Of the day's budget, the share that is left for tasks that outlive all expectation: the last to
/// be asked are those that run longest.
constexpr double last_share = 0.002;
/// One poll for each open and expected task must fit with this factor, else all wait.
constexpr double one_poll_each = 1.02;
/// A price that was set longer ago than this is no start for small steps.
constexpr std::chrono::minutes stale_price{10};
constexpr int step_rungs = 2;
/// Between two prices: so many starts beside a quarter of the open tasks, so many polls beside a
/// 64th of what is left.
constexpr std::size_t few_starts = 4;
constexpr std::size_t few_polls = 4;
/// The mix of coming scripts: the last submissions and some more that are unknown.
constexpr double unknown_submissions = 5;
/// A start shortly before the roll may be brought to its end after it.
constexpr Seconds dearest_at_roll{60};
constexpr double watch_share = 0.1;

double usable_polls(const DayBudget& budget) {
  const auto allowed = static_cast<double>(budget.status_allowed);
  const auto spoken_for = static_cast<double>(budget.status_reserve + budget.status_used);
  return usable * (allowed - spoken_for) - last_share * allowed;
}

} // namespace

double PriceSchedule::open_load(int rung) {
  double polls = 0;
  for (auto& [key, script] : book_.records())
    for (const auto& [cell, tasks] : script.waiting) {
      const int at = std::clamp(rung - cell.first, 0, price_ladder::top);
      polls += static_cast<double>(tasks) *
               book_.plan(script, at).expected_polls(age_cells::age_of(cell.second));
    }
  return polls;
}

double PriceSchedule::mean_load_of_arrival(int rung) {
  const double unknown = unknown_submissions + static_cast<double>(recent_unknown_);
  double polls = unknown * book_.plan_of_unknown(rung).expected_polls(Seconds(0));
  for (auto& [key, script] : book_.records())
    if (script.recent > 0)
      polls +=
          static_cast<double>(script.recent) * book_.plan(script, rung).expected_polls(Seconds(0));
  return polls / (static_cast<double>(recent_.size()) + unknown_submissions);
}

int PriceSchedule::target_rung(const DayBudget& budget, int steps_down) {
  const double usable_left = usable_polls(budget);
  if (usable_left < one_poll_each * (static_cast<double>(tasks_.size()) + expected_.starts))
    return price_ladder::top;
  // The reserve is for batches to come: it makes what runs dearer, but does not stop it.
  const double left = usable_left - expected_.reserved_polls;
  const auto affordable = [&](int rung) {
    return expected_.starts * mean_load_of_arrival(rung) + open_load(rung) <= left;
  };
  int low = std::clamp(rung_ - steps_down, 0, highest_rung_);
  int high = highest_rung_;
  while (low < high) { // the lowest affordable rung, or the highest there is
    const int middle = low + (high - low) / 2;
    if (affordable(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

void PriceSchedule::reprice(WallTime now, const DayBudget& budget) {
  const bool new_day =
      !priced_at_ || !is_same_day(day_begins_, day_ends_, budget.day_begins, budget.day_ends);
  const bool free = new_day || now < *priced_at_ || now - *priced_at_ > stale_price;
  if (new_day)
    watch_polls_left_ =
        static_cast<std::int64_t>(watch_share * static_cast<double>(budget.status_allowed));
  forecast_.set_day(budget.day_begins, budget.day_ends);
  expected_ = forecast_.remaining(now, budget);
  priced_at_ = now;
  day_begins_ = budget.day_begins;
  day_ends_ = budget.day_ends;
  highest_rung_ = price_ladder::rung_below(std::max<Seconds>(Seconds(0), day_ends_ - now) / 2);
  admission_rung_ = std::max(highest_rung_, price_ladder::rung_below(dearest_at_roll));
  least_polls_ = std::max(static_cast<double>(tasks_.size()), open_load(admission_rung_));
  // Down in small steps, because what looks cheap may be a lull; up at once: what was spent too
  // cheaply is gone.
  const bool may_step = free || !stepped_at_ || now - *stepped_at_ >= options_.reprice_every;
  if (may_step)
    stepped_at_ = now;
  const int before = rung_;
  rung_ = target_rung(budget, free ? price_ladder::top : may_step ? step_rungs : 0);
  if (rung_ != before || free)
    rebuild_heap();
  starts_since_priced_ = 0;
  most_starts_since_priced_ = few_starts + tasks_.size() / 4;
  polls_since_priced_ = 0;
  most_polls_since_priced_ =
      few_polls + static_cast<std::size_t>(std::max(0.0, usable_polls(budget)) / 64);
}

double PriceSchedule::least_polls_of(ScriptRecord& script) {
  return std::max(1.0, book_.plan(script, admission_rung_).expected_polls(Seconds(0)));
}

bool PriceSchedule::admits(const TaskKeys& keys, const DayBudget& budget) {
  ScriptRecord& script = book_.acquire(keys);
  const double polls = least_polls_of(script);
  book_.release(script);
  return has_room_for(polls, budget);
}

bool PriceSchedule::has_room_for(double polls, const DayBudget& budget) const {
  return least_polls_ + polls <= usable_polls(budget);
}

double PriceSchedule::expected_polls(const TaskKeys& keys) {
  ScriptRecord& script = book_.acquire(keys);
  const double polls = book_.plan(script, rung_).expected_polls(Seconds(0));
  book_.release(script);
  return polls;
}

Seconds PriceSchedule::price() const {
  return price_ladder::price(rung_);
}

} // namespace kdq
