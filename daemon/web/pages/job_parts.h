// What the page of a job is made of, each from reads of its own.
#pragma once

#include "daemon/web/page.h"
#include "store/reader.h"

#include <chrono>

namespace kdq::web {

/// The job's log: its last lines, or those behind the visit's place, or (parameter log_before) some
/// before a line.
struct LogPart {
  Html content;
  std::string place; ///< of the last line, as ATTEMPT.SEQ
};
LogPart log_part(Reader& reader, const Visit& visit, std::int64_t job);

/// A line that is too long for the log, by the parameter line (ATTEMPT.SEQ).
Page log_line_page(Reader& reader, const Visit& visit, std::int64_t job);

/// The newest `most` requests that were kept, with what was answered.
Html requests_of(Reader& reader, const Visit& visit, std::int64_t job, int most);

/// The value of the script's last expression; empty: there is none.
Html result_of(Reader& reader, const Visit& visit, std::int64_t job);

/// What is run: the script, its argv, and what it gets from other jobs.
Html script_of(Reader& reader, const Visit& visit, std::int64_t job);

/// What it needs, and who needs it; empty: nothing and nobody.
Html needs_of(Reader& reader, const Visit& visit, std::int64_t job);

/// Nothing: not known, it has not run before.
std::optional<std::chrono::milliseconds> usual_run_time(Reader& reader, std::int64_t job);

} // namespace kdq::web
