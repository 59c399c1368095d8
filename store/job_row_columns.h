// How a JobRow is read from its columns; for the .cpp files of store/ only.
#pragma once

#include "store/job.h"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

#include <optional>

namespace kdq {

/// The columns of JobRow, as read_row() wants them: the first ones of a SELECT.
inline constexpr char row_columns[] = "state, attempt, task_id, remote_status, result, error, "
                                      "polls, log_gaps, submitted_at, reported_at, finished_at, "
                                      "rev, progress, progress_text, cause, batch_id, "
                                      "app, schedule";
inline constexpr int row_column_count = 18;

JobRow read_row(SQLite::Statement& from);

std::optional<WallTime> read_time(const SQLite::Column& column);

} // namespace kdq
