// Reads a cron text.
#pragma once

#include "poller/cron/cron_fields.h"

#include <string>
#include <string_view>
#include <variant>

namespace kdq {

/// One sentence, printable ASCII and short whatever was to be read, without a full stop: which part
/// of a schedule is wrong, and why.
struct CronError {
  std::string sentence;
};

/// Five fields, parted by blanks or tabs: minute hour day-of-month month day-of-week. A field is a
/// list of `*`, numbers and ranges, each of which may have a step: `1,5`, `8-18/2`, `*/15`; `5/20`
/// is from 5 to the end. Months and days of the week have names of three letters, 0 and 7 are
/// Sunday, a week ends with 7, and a range may pass the end: `FRI-MON`, `22-3`. Or one of @yearly,
/// @annually, @monthly, @weekly, @daily, @midnight and @hourly. Letters of any case. If neither day
/// field begins with `*`, a day matches by either of them, else it has to by both, as in Vixie's
/// cron. A text without any time (30 February) is an error. Never throws for what the text is.
std::variant<CronFields, CronError> read_cron_text(std::string_view text);

/// What a sentence shows of a user's text: all of it, if it is short and printable.
std::string cut_for_sentence(std::string_view text);

} // namespace kdq
