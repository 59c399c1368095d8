// Which times of a schedule have a job: pure decisions about its cron text, its columns and now.
#pragma once

#include "poller/cron/cron.h"
#include "store/schedules.h"

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kdq {

/// How many times the view upcoming has of each schedule.
inline constexpr std::size_t upcoming_times = 5;

/// When a schedule is due, all texts of its row read.
struct ScheduleTimes {
  Cron cron;
  std::optional<WallTime> starts_at; ///< none before
  std::optional<WallTime> ends_at;   ///< none after
};

/// Or why a text cannot be read: a sentence that names the column.
std::variant<ScheduleTimes, std::string> read_times(const Schedule& schedule);

/// The first time after `now`, and after all that had its job: clocks may have been set back.
std::optional<WallTime> first_time(const ScheduleTimes& times, const Schedule& schedule,
                                   WallTime now);

/// `next` and those that come after it, `upcoming_times` at most.
std::vector<WallTime> times_from(const ScheduleTimes& times, std::optional<WallTime> next);

/// How far a schedule goes at once: some times that have no job, then one that has.
struct ScheduleStep {
  std::int64_t skipped = 0;     ///< times without a job
  std::optional<WallTime> run;  ///< the time after these, which has one; nothing: not yet
  std::optional<WallTime> next; ///< the first time behind; nothing: none comes any more
  std::size_t reckoned = 0;     ///< times that had to be reckoned
};

/// From `schedule.next_at`, one of its times, on. A time that is more than a minute past counts as
/// missed: it has a job if schedule.missed wants it, and catch_up reaches as far. Those up to
/// `restored_at` have none, as they may have run before the queue was restored. Ends after about
/// `most` reckoned times.
ScheduleStep next_step(const ScheduleTimes& times, const Schedule& schedule,
                       std::optional<WallTime> restored_at, WallTime now, std::size_t most);

/// By how much a job starts later than its time: from 0 to `most` seconds without the last one,
/// always the same for a name and a time.
std::chrono::seconds jitter_of(const std::string& name, WallTime time, std::chrono::seconds most);

} // namespace kdq
