#include "store/result_log.h"

#include "store/database.h"
#include "store/metric_counters.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <algorithm>

namespace kdq {
namespace {

// Users may write this table too: what stands from here on is none of ours, and is not counted on
// from.
constexpr std::int64_t last_seq_of_ours = std::int64_t{1} << 62;

} // namespace

struct ResultLog::Impl {
  explicit Impl(Database& database) : db(database.connection()), metrics(database) {}

  SQLite::Database& db;
  MetricCounters metrics;
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

  Statement last_below{db, "SELECT max(seq) FROM logs WHERE job_id = ?1 AND attempt = ?2 "
                           "AND seq < ?3"};
  Statement taken{db, "SELECT 1 FROM logs WHERE job_id = ?1 AND attempt = ?2 AND seq = ?3"};

  /// Hands out the places behind an attempt's rows.
  class Places {
  public:
    Places(Impl& impl, JobId job, int attempt) : impl_(impl), job_(job), attempt_(attempt) {
      std::int64_t last = impl.last_seq.integer(job, attempt).value_or(0);
      is_crowded_ = last >= last_seq_of_ours;
      if (is_crowded_)
        last = impl.last_below.integer(job, attempt, last_seq_of_ours).value_or(0);
      last_ = std::max<std::int64_t>(0, last);
    }
    std::int64_t next() {
      ++last_;
      while (is_crowded_ && impl_.taken.integer(job_, attempt_, last_))
        ++last_;
      return last_;
    }

  private:
    Impl& impl_;
    JobId job_;
    int attempt_;
    std::int64_t last_ = 0;
    bool is_crowded_ = false; ///< there are rows beyond those that count
  };

  void require(int rows, JobId job) {
    if (rows != 1)
      throw_ignored(db, "logs", "job " + std::to_string(job.value));
  }
};

ResultLog::ResultLog(Database& database) : impl_(std::make_unique<Impl>(database)) {}
ResultLog::~ResultLog() = default;

void ResultLog::append(JobId job, int attempt, const std::vector<LogLine>& lines, WallTime now) {
  if (lines.empty())
    return;
  Impl::Places places(*impl_, job, attempt);
  for (const LogLine& line : lines)
    impl_->require(impl_->append.run(job, attempt, places.next(), line.level, line.filename,
                                     line.unix_time, line.timestamp, line.args, line.message, now),
                   job);
}

void ResultLog::gap(JobId job, int attempt, const LogGap& gap, WallTime now) {
  const std::string message = "lines written between " + to_text(gap.from) + " and " +
                              to_text(gap.to) + " UTC may be missing: " + gap.reason;
  impl_->require(impl_->gap.run(job, attempt, Impl::Places(*impl_, job, attempt).next(), gap.reason,
                                gap.from, gap.to, message, now),
                 job);
  impl_->metrics.log_gap();
}

bool ResultLog::lacks_frame(JobId job, int attempt, const std::string& opening,
                            const std::string& closing) {
  return impl_->frame.integer(job, attempt, opening, closing).value_or(0) != 0 &&
         !impl_->gaps.integer(job, attempt);
}

} // namespace kdq
