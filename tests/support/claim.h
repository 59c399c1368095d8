// A claim of one job, by its id.
#pragma once

#include "store/base/time.h"
#include "store/database.h"
#include "store/job_queue.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <optional>

namespace kdq::test {

/// As the engine claims what a scan has found, at the time when it is due; inside of
/// Database::write().
inline std::optional<ClaimedJob> claim_job(Database& database, JobQueue& queue, std::int64_t job) {
  SQLite::Statement row(
      database.connection(),
      "SELECT app, file_token, class, scheduled, due FROM queue WHERE job_id = ?1");
  row.bind(1, job);
  QueueScan::Entry entry;
  WallTime due{};
  entry.id = JobId{job};
  if (row.executeStep()) {
    entry.app = row.getColumn(0).getString();
    entry.file_token = row.getColumn(1).getString();
    entry.job_class = row.getColumn(2).getString();
    entry.scheduled = row.getColumn(3).getInt() != 0;
    due = parse_time(row.getColumn(4).getString()).value_or(due);
  }
  row.reset();
  queue.promote(due);
  return queue.claim(entry, due);
}

} // namespace kdq::test
