// What one poll costs today, so that the day's requests last.
#pragma once

#include "poller/schedule/arrival_forecast.h"
#include "poller/schedule/poll_demand.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace kdq {

/// Of the ladder of prices the lowest at which all that is open and expected can be paid. One per
/// app, single-threaded.
class PollBudget {
public:
  explicit PollBudget(std::chrono::seconds fit_every);

  /// The price's place on the ladder, and the price: the seconds of waiting that a poll is worth.
  int rung() const { return rung_; }
  Seconds price() const;

  /// Fits the price to the day. True: it fell, so that tasks may be due earlier than planned.
  bool fit(SteadyTime now, const DayBudget& day, const ExpectedArrivals& expected,
           PollDemand demand);
  /// Some time has passed, or more was started or asked than the price was made for.
  bool needs_fit(SteadyTime now) const;
  /// The first moment at which it does; SteadyTime::min(): now.
  SteadyTime fit_due() const;

  /// A task was started after the last fit; `least_polls`: what it needs at last_resort().
  void started(double least_polls);
  void asked() { ++polls_since_fit_; }

  /// At this rung's price running tasks are sure to be brought to their end.
  int last_resort() const { return last_resort_; }
  /// So many polls more can be had today beside what the open tasks need at that price.
  bool has_room_for(double polls, const DayBudget& day) const;

  /// Polls for watchers are a tenth of the day's: without a limit they ran the day dry.
  bool has_watch_polls() const { return watch_polls_left_ > 0; }
  void asked_for_watcher() { --watch_polls_left_; }

private:
  bool is_outrun() const;
  int fitting_rung(const DayBudget& day, const ExpectedArrivals& expected, PollDemand& demand,
                   int lowest) const;

  std::chrono::seconds fit_every_;
  int rung_;
  int highest_rung_; // that still makes sense before the roll
  int last_resort_;
  std::optional<SteadyTime> fitted_at_;
  std::optional<SteadyTime> stepped_at_; // the last time at which the price could fall
  SteadyTime day_begins_{};
  SteadyTime day_ends_{};
  std::size_t starts_since_fit_ = 0;
  std::size_t polls_since_fit_ = 0;
  std::size_t most_starts_ = 0;
  std::size_t most_polls_ = 0;
  double least_polls_ = 0; // of the open tasks, later starts included
  std::int64_t watch_polls_left_ = 0;
};

} // namespace kdq
