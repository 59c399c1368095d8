#include "store/job_inputs.h"

#include "store/connection.h"
#include "store/database.h"
#include "store/statement.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

namespace kdq {

struct JobInputs::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  // Beside result and error a member of the array has its id, its state and the names of these.
  // With it counted for more, no batch can have so many jobs that this takes longer than a lock
  // may.
  Statement bytes{db,
                  "SELECT sum(coalesce(r.bytes, 0) + coalesce(length(CAST(r.error AS BLOB)), 0) "
                  "+ 160) FROM result_values AS r WHERE r.job_id IN ("
                  "SELECT depends_on FROM jobs WHERE id = ?1 "
                  "UNION SELECT needs FROM dependencies WHERE job_id = ?1 "
                  "UNION SELECT m.id FROM jobs AS j CROSS JOIN jobs AS m "
                  "ON m.batch_id = j.after_batch WHERE j.id = ?1)"};
  // Of a start that was not sent after all.
  Statement forget{db, "DELETE FROM sent_inputs WHERE job_id = ?1 AND attempt = ?2"};
  Statement argv{db, "SELECT argv FROM job_inputs WHERE job_id = ?1 AND attempt IS NULL"};
  Statement keep{db, "INSERT INTO sent_inputs VALUES (?1, ?2, ?3)"};

  std::optional<std::string> read(JobId job);
};

JobInputs::JobInputs(Database& database) : impl_(std::make_unique<Impl>(database.connection())) {}
JobInputs::~JobInputs() = default;

std::int64_t JobInputs::bytes(JobId job) {
  return impl_->bytes.integer(job).value_or(0);
}

std::optional<std::string> JobInputs::Impl::read(JobId job) {
  try {
    return argv.text(job);
  } catch (const SQLite::Exception& error) {
    // Of this job only: no other one is to wait for what somebody has written into its results.
    const int code = primary_code(error);
    if (code != SQLITE_ERROR && code != SQLITE_TOOBIG)
      throw;
    return std::nullopt;
  }
}

std::optional<std::string> JobInputs::take(JobId job, int attempt) {
  impl_->forget.run(job, attempt);
  auto argv = impl_->read(job);
  if (argv)
    impl_->keep.run(job, attempt, *argv);
  return argv;
}

} // namespace kdq
