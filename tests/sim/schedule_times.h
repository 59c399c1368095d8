// Which times the schedules of a plan have: reckoned by the minute, from what is known of one zone
// in one year, and apart from the daemon's code.
#pragma once

#include "store/base/time.h"

#include <array>
#include <cstdint>

namespace kdq::sim {

/// Where the clocks are that all schedules of a plan go by. They are set at 16:00 UTC, which is the
/// roll of the quota day, on 5 April and 4 October 2036.
inline constexpr const char* schedules_timezone = "Australia/Sydney";

/// A cron text of each day, and what it means.
struct CronTimes {
  const char* text = "";
  int minute = 0; ///< the times are at this minute and each `minute_step` minutes later
  int minute_step = 60;
  int first_hour = 0; ///< in each `hour_step`th hour from this one to `last_hour`
  int last_hour = 23;
  int hour_step = 1;
  bool fixed = false; ///< each once a day, also where the clocks skip it or show it twice
};

// Times of schedules, by how long a plan lasts: a run shall have few jobs of them.
inline constexpr std::array<CronTimes, 5> times_in_minutes{
    {{.text = "*/1 * * * *", .minute_step = 1},
     {.text = "*/2 * * * *", .minute_step = 2},
     {.text = "*/5 * * * *", .minute_step = 5},
     {.text = "*/30 * * * *", .minute_step = 30},
     {.text = "0,5,10,15,20,25,30,35,40,45,50,55 1-3 * * *",
      .minute_step = 5,
      .first_hour = 1,
      .last_hour = 3,
      .fixed = true}}};
inline constexpr CronTimes once_a_night{
    .text = "40 2 * * *", .minute = 40, .first_hour = 2, .last_hour = 2, .fixed = true};
inline constexpr std::array<CronTimes, 3> times_in_days{
    {{.text = "20 * * * *", .minute = 20},
     {.text = "20 */3 * * *", .minute = 20, .hour_step = 3},
     once_a_night}};
inline constexpr std::array<CronTimes, 2> times_in_month{
    {once_a_night, {.text = "20 */6 * * *", .minute = 20, .hour_step = 6}}};

/// Whether it has a time at this moment, from October 2035 until March 2037.
bool comes_at(const CronTimes& times, WallTime moment);

/// How many times it has from `from`, a whole minute, until just before `to`.
std::int64_t count_times(const CronTimes& times, WallTime from, WallTime to);

} // namespace kdq::sim
