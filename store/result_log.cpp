#include "store/result_log.h"

#include "store/database.h"
#include "store/statement.h"

namespace kdq {

struct ResultLog::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  Statement last_seq{db, "SELECT max(seq) FROM logs WHERE job_id = ?1 AND attempt = ?2"};
  Statement append{db, "INSERT INTO logs(job_id, attempt, seq, level, filename, unix_time, "
                       "timestamp, args, message, fetched_at) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
  Statement gap{db, "INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) "
                    "VALUES (?1, ?2, ?3, 'gap', json_array(?4, ?5, ?6), ?7, ?8)"};
  Statement frame{db, "SELECT (SELECT message FROM logs WHERE job_id = ?1 AND attempt = ?2 "
                      "ORDER BY seq LIMIT 1) IS NOT ?3 OR (?4 <> '' AND (SELECT message FROM logs "
                      "WHERE job_id = ?1 AND attempt = ?2 ORDER BY seq DESC LIMIT 1) IS NOT ?4)"};
  // A log may have millions of lines; its job's row counts the gaps.
  Statement gaps{db, "SELECT 1 FROM jobs WHERE id = ?1 AND attempt = ?2 AND log_gaps > 0"};

  std::int64_t next_seq(JobId job, int attempt) {
    return last_seq.integer(job, attempt).value_or(0) + 1;
  }
};

ResultLog::ResultLog(Database& database) : impl_(std::make_unique<Impl>(database.connection())) {}
ResultLog::~ResultLog() = default;

void ResultLog::append(JobId job, int attempt, const std::vector<LogLine>& lines, WallTime now) {
  if (lines.empty())
    return;
  std::int64_t seq = impl_->next_seq(job, attempt);
  for (const LogLine& line : lines)
    impl_->append.run(job, attempt, seq++, line.level, line.filename, line.unix_time,
                      line.timestamp, line.args, line.message, now);
}

void ResultLog::gap(JobId job, int attempt, const LogGap& gap, WallTime now) {
  const std::string message = "lines written between " + to_text(gap.from) + " and " +
                              to_text(gap.to) + " UTC may be missing: " + gap.reason;
  impl_->gap.run(job, attempt, impl_->next_seq(job, attempt), gap.reason, gap.from, gap.to, message,
                 now);
}

bool ResultLog::lacks_frame(JobId job, int attempt, const std::string& opening,
                            const std::string& closing) {
  return impl_->frame.integer(job, attempt, opening, closing).value_or(0) != 0 &&
         !impl_->gaps.integer(job, attempt);
}

} // namespace kdq
