#include "poller/schedule/poll_budget.h"

#include "poller/schedule/price_ladder.h"

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
/// Between two prices: a few polls and what is at most this share of those left; a few starts, and
/// as many as a quarter of the open tasks, or what costs at most that share of the polls left.
constexpr double share_of_polls = 1.0 / 64;
constexpr double share_for_starts = 1.0 / 256;
constexpr std::size_t few_starts = 4;
constexpr std::size_t few_polls = 4;
/// A start shortly before the roll may be brought to its end after it.
constexpr Seconds dearest_at_roll{60};
constexpr double watch_share = 0.1;
/// Below this price polls may take at most that share of the rate limit: starts share it. With a
/// day's requests to spare it is the rate that they are short of.
constexpr Seconds cheap{0.25};
constexpr double rate_share = 0.5;

double usable_polls(const DayBudget& day) {
  const auto allowed = static_cast<double>(day.status_allowed);
  const auto spoken_for = static_cast<double>(day.status_reserve + day.status_used);
  return usable * (allowed - spoken_for) - last_share * allowed;
}

/// The lowest of [low, high] that is affordable, or `high`. Most often it is near `guess`: from
/// there on in growing steps, because each question costs plans.
template <class Affordable>
int lowest(int low, int high, int guess, Affordable affordable) {
  int at = std::clamp(guess, low, high);
  if (at == high || affordable(at)) {
    high = at;
    for (int step = 1; low < high; step *= 2) {
      at = std::max(low, high - step);
      if (!affordable(at)) {
        low = at + 1;
        break;
      }
      high = at;
    }
  } else {
    low = at + 1;
    for (int step = 1; low < high; step *= 2) {
      at = std::min(high, low + step - 1);
      if (at == high || affordable(at)) {
        high = at;
        break;
      }
      low = at + 1;
    }
  }
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (affordable(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

} // namespace

PollBudget::PollBudget(std::chrono::seconds fit_every)
    : fit_every_(fit_every), rung_(price_ladder::rung_below(Seconds(1))),
      highest_rung_(price_ladder::top), last_resort_(price_ladder::top) {}

Seconds PollBudget::price() const {
  return price_ladder::price(rung_);
}

bool PollBudget::needs_fit(SteadyTime now) const {
  return !fitted_at_ || now < *fitted_at_ || now >= *fitted_at_ + fit_every_ || now >= day_ends_ ||
         is_outrun();
}

SteadyTime PollBudget::fit_due() const {
  if (!fitted_at_ || is_outrun())
    return SteadyTime::min();
  return std::min(*fitted_at_ + fit_every_, day_ends_);
}

bool PollBudget::is_outrun() const {
  return starts_since_fit_ > most_starts_ || polls_since_fit_ > most_polls_;
}

void PollBudget::started(double least_polls) {
  ++starts_since_fit_;
  least_polls_ += least_polls;
}

bool PollBudget::has_room_for(double polls, const DayBudget& day) const {
  return least_polls_ + polls <= usable_polls(day);
}

int PollBudget::fitting_rung(const DayBudget& day, const ExpectedArrivals& expected,
                             PollDemand& demand, int lowest_rung) const {
  const double usable_left = usable_polls(day);
  if (usable_left < one_poll_each * (static_cast<double>(demand.open_tasks()) + expected.starts))
    return price_ladder::top;
  // The reserve is for batches to come: it makes what runs dearer, but does not stop it.
  const double left = usable_left - expected.reserved_polls;
  const int cheap_rung = price_ladder::rung_below(cheap);
  const auto affordable = [&](int rung) {
    if (expected.starts * demand.of_arrival(rung) + demand.of_open(rung) > left)
      return false;
    return rung >= cheap_rung || day.requests_per_second <= 0 ||
           demand.per_second_of_open(rung) <= rate_share * day.requests_per_second;
  };
  return lowest(std::min(lowest_rung, highest_rung_), highest_rung_, rung_, affordable);
}

bool PollBudget::fit(SteadyTime now, const DayBudget& day, const ExpectedArrivals& expected,
                     PollDemand demand) {
  const bool new_day =
      !fitted_at_ || !is_same_day(day_begins_, day_ends_, day.day_begins, day.day_ends);
  const bool free = new_day || now < *fitted_at_ || now - *fitted_at_ > stale_price;
  if (new_day)
    watch_polls_left_ =
        static_cast<std::int64_t>(watch_share * static_cast<double>(day.status_allowed));
  fitted_at_ = now;
  day_begins_ = day.day_begins;
  day_ends_ = day.day_ends;
  highest_rung_ = price_ladder::rung_below(std::max<Seconds>(Seconds(0), day_ends_ - now) / 2);
  last_resort_ = std::max(highest_rung_, price_ladder::rung_below(dearest_at_roll));
  const auto open = static_cast<double>(demand.open_tasks());
  least_polls_ = std::max(open, demand.of_open(last_resort_));
  // Down in small steps, because what looks cheap may be a lull; up at once: what was spent too
  // cheaply is gone.
  const bool may_step = free || !stepped_at_ || now - *stepped_at_ >= fit_every_;
  if (may_step)
    stepped_at_ = now;
  const int before = rung_;
  const int steps_down = free ? price_ladder::top : may_step ? step_rungs : 0;
  rung_ = fitting_rung(day, expected, demand, std::max(0, rung_ - steps_down));
  starts_since_fit_ = 0;
  polls_since_fit_ = 0;
  const double left = std::max(0.0, usable_polls(day));
  most_polls_ = few_polls + static_cast<std::size_t>(share_of_polls * left);
  most_starts_ = few_starts + static_cast<std::size_t>(std::max(
                                  open / 4, share_for_starts * left / demand.of_arrival(rung_)));
  return free || rung_ < before;
}

} // namespace kdq
