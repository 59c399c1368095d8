// The five fields of a cron text, as sets, and the local times that they match.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace kdq {

/// Bit n of a set stands for the number n. No set is empty.
struct CronFields {
  std::uint64_t minutes = 0;  ///< 0 to 59
  std::uint32_t hours = 0;    ///< 0 to 23
  std::uint32_t days = 0;     ///< 1 to 31
  std::uint32_t months = 0;   ///< 1 to 12
  std::uint32_t weekdays = 0; ///< 0 (Sunday) to 6
  bool either_day = false;    ///< a day needs to be in one of its two sets only
  bool fixed_time = false;    ///< neither the field minute nor the field hour begins with `*`

  friend bool operator==(const CronFields&, const CronFields&) = default;
};

/// How far ahead a time is looked for: 29 February is the same day of the week again after 40 years
/// at the latest (2088 to 2128, as 2100 has none).
constexpr std::chrono::years cron_horizon{41};

/// The first local time, at `from` or later, that the fields match: a whole minute. Nothing if
/// there is none for `cron_horizon`. `from` is in the years 0 to 10,000. Takes a few steps for each
/// month that is in the set, never one for each minute.
std::optional<std::chrono::local_seconds> first_match(const CronFields& fields,
                                                      std::chrono::local_seconds from);

} // namespace kdq
