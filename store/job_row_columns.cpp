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
  return row;
}

} // namespace kdq
