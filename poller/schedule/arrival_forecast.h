// How many tasks the rest of a quota day will bring. Pure arithmetic: `now` comes in.
#pragma once

#include "store/base/time.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace kdq {

/// What the day's ledgers and the queue say; all counts are of one app.
struct DayBudget {
  std::int64_t status_allowed = 0; ///< status requests a day
  std::int64_t status_used = 0;    ///< of these, spent; intents without an answer included
  std::int64_t status_reserve = 0; ///< of these, not for the schedule
  std::int64_t submit_left = 0;    ///< starts that are still granted today
  std::int64_t queued = 0;         ///< jobs that wait for their start
  double requests_per_second = 0;  ///< the rate limit that polls share with starts; 0: none
  SteadyTime day_begins;
  SteadyTime day_ends; ///< the roll
};

/// Whether two spans are the same quota day. Its ends move by as much as the clock is corrected, so
/// they are one day if they have more than half of it in common.
bool is_same_day(SteadyTime begins, SteadyTime ends, SteadyTime other_begins,
                 SteadyTime other_ends);

/// What is to be kept for the rest of a day.
struct ExpectedArrivals {
  double starts = 0;         ///< the expectation and 1 to 1.5 standard deviations
  double reserved_polls = 0; ///< for two more batches than expected, one poll for each start
};

/// Counts starts in slots of five minutes of the quota day and keeps the profile of past days.
class ArrivalForecast {
public:
  static constexpr std::chrono::minutes slot{5};

  /// A task was started. Moments before the day's begin count as its begin.
  void arrived(SteadyTime at);

  /// Sets the quota day. If it is another one than before, that one's counts go into the profile;
  /// a day without any start teaches nothing.
  void set_day(SteadyTime begins, SteadyTime ends);

  /// What to budget for from `now` to the end of the day set.
  ExpectedArrivals remaining(SteadyTime now, const DayBudget& budget) const;

  std::int64_t so_far() const { return so_far_; }

private:
  static constexpr std::size_t slots = 288;
  /// Counts in half minutes: half of the mean square of their differences over their mean is one
  /// for independent starts, and about the size of a batch where starts come in batches. Not in
  /// longer slots: there the edges of a busy hour that comes every day look like a batch.
  static constexpr std::chrono::seconds dispersion_slot{30}; // counted from the day's begin
  struct Dispersion {
    double squares = 0; ///< of the differences between neighbouring slots, yesterday's halved
    double counts = 0;
    SteadyTime slot_begins = SteadyTime::min();
    double in_slot = 0;
    double in_slot_before = 0;
    /// In the slot that begins then.
    void arrived(SteadyTime begins);
    void fade();
    double value() const;
  };
  std::size_t slot_of(SteadyTime at) const;
  double by_profile(SteadyTime now, double burst) const;
  double on_first_day(SteadyTime now, const DayBudget& budget) const;

  std::array<double, slots> profile_{};
  std::array<double, slots> today_{};
  bool has_profile_ = false;
  std::int64_t so_far_ = 0;
  Dispersion dispersion_;
  SteadyTime begins_{};
  SteadyTime ends_ = begins_ + std::chrono::hours{24};
};

} // namespace kdq
