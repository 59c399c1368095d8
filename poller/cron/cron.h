// When a schedule that is written as a cron text is due.
#pragma once

#include "poller/cron/cron_text.h"
#include "store/base/time.h"

#include <optional>
#include <string_view>
#include <variant>

namespace date {
class time_zone;
}

namespace kdq {

/// A cron text in a time zone: a value of some words, cheap to copy.
///
/// Where the zone's clocks change, two rules hold, as in Vixie's cron:
/// - Fixed times, where neither the field minute nor the field hour begins with `*`: each makes one
///   run, at the first moment at which the clocks show it or a later time. So one that the clocks
///   skip runs right after the gap, together with all others in it, and one that they show twice
///   runs the first time.
/// - Otherwise real time counts: a run at each moment at which the clocks show a time that matches.
///   What they skip has no run, what they show twice has two.
/// This is so for a gap of any length: half an hour, or a day that a country left out.
class Cron {
public:
  Cron(const CronFields& fields, const date::time_zone& zone) : fields_(fields), zone_(&zone) {}

  /// The first time after `after`: a whole minute in the zone. Nothing if there is none for
  /// `cron_horizon`, or none before the year 10,000. Before the year 0 it is as if `after` were its
  /// begin. About ten microseconds for what comes once in decades, a tenth of one as a rule.
  std::optional<WallTime> next(WallTime after) const;

private:
  CronFields fields_;
  const date::time_zone* zone_; ///< lives as long as the process
};

/// read_cron_text() says what a text may be; `zone` is an IANA name. Neither makes it throw.
std::variant<Cron, CronError> read_cron(std::string_view text, std::string_view zone);

} // namespace kdq
