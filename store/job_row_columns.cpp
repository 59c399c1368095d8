#include "store/job_row_columns.h"

namespace kdq {

std::optional<WallTime> read_time(const SQLite::Column& column) {
  return column.isNull() ? std::nullopt : parse_time(column.getString());
}

JobRow read_row(SQLite::Statement& from) {
  JobRow row;
  row.state = job_state(from.getColumn(0).getString()).value_or(JobState::queued);
  row.attempt = from.getColumn(1).getInt();
  row.task_id = from.getColumn(2).getString();
  row.remote_status = from.getColumn(3).getString();
  row.result = from.getColumn(4).getString();
  row.error = from.getColumn(5).getString();
  row.polls = from.getColumn(6).getInt64();
  row.log_gaps = from.getColumn(7).getInt64();
  row.submitted_at = read_time(from.getColumn(8));
  row.reported_at = read_time(from.getColumn(9));
  row.finished_at = read_time(from.getColumn(10));
  row.rev = from.getColumn(11).getInt64();
  if (!from.getColumn(12).isNull())
    row.progress = from.getColumn(12).getInt();
  row.progress_text = from.getColumn(13).getString();
  row.cause = end_cause(from.getColumn(14).getString());
  if (!from.getColumn(15).isNull())
    row.batch = from.getColumn(15).getInt64();
  row.app = from.getColumn(16).getString();
  row.schedule = from.getColumn(17).getString();
  return row;
}

} // namespace kdq
