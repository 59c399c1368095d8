#include "store/job_client.h"

#include "store/database.h"
#include "store/job_row_columns.h"
#include "store/statement.h"
#include "store/user_connection.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <algorithm>
#include <utility>

namespace kdq {
namespace {

// A page of a log: it is read in one transaction, which must not last.
constexpr std::size_t page_lines = 1000;
constexpr std::size_t page_bytes = 1u << 20;

} // namespace

struct JobClient::Impl {
  explicit Impl(const std::filesystem::path& file) : connection(file) {}

  UserConnection connection;
  SQLite::Database& db = connection.database();
  std::optional<std::int64_t> seen_version;

  Statement data_version{db, "PRAGMA data_version"};
  Statement max_script{db, "SELECT max_script_bytes FROM daemon"};
  Statement insert{db, "INSERT INTO jobs(file_token, script, app, argv, script_name, timeout_s) "
                       "VALUES (?1, ?2, coalesce(?3, 'default'), ?4, ?5, ?6)"};
  Statement watch{db, "INSERT INTO watches(job_id) VALUES (?1)"};
  Statement is_watched{db, "SELECT 1 FROM watches WHERE job_id = ?1 AND until > "
                           "strftime('%Y-%m-%d %H:%M:%f', 'now', '+5 minutes')"};
  Statement cancel{db, "UPDATE jobs SET state = 'cancelled' WHERE id = ?1 AND state IN ('queued', "
                       "'submitting', 'running', 'unconfirmed')"};
  Statement attempt{db, "SELECT attempt FROM jobs WHERE id = ?1"};
  Statement job{db, "SELECT state, attempt, log_gaps, error, submitted_at, "
                    "finished_at, iif(?2, result, NULL) FROM jobs WHERE id = ?1"};
  Statement waiting{db, "SELECT reason FROM waiting WHERE job_id = ?1"};
  Statement health{db, "SELECT message FROM health WHERE subject = 'daemon'"};
  // What stands beyond that seq is none of the daemon's (see ResultLog): it would end the log.
  Statement log{db, "SELECT attempt, seq, level, filename, timestamp, message, fetched_at "
                    "FROM logs WHERE job_id = ?1 AND (attempt, seq) > (?2, ?3) "
                    "AND seq BETWEEN 1 AND 4611686018427387903 ORDER BY attempt, seq"};

  void read_lines(JobId id, LogPlace after, JobLook& look);
  void read_job(JobId id, JobLook& look);
};

JobClient::JobClient(const std::filesystem::path& file) : impl_(std::make_unique<Impl>(file)) {}

JobClient::~JobClient() = default;

std::int64_t JobClient::max_script_bytes() {
  constexpr std::int64_t without_daemon = 16 << 20;
  std::optional<std::int64_t> bytes;
  impl_->connection.read([&] { bytes = impl_->max_script.integer(); });
  return std::min(bytes.value_or(without_daemon), longest_value_bytes);
}

JobId JobClient::enqueue(const NewJob& job) {
  JobId id;
  impl_->connection.write([&] {
    impl_->insert.run(job.file_token, job.script, job.app, job.argv, job.name, job.timeout_s);
    id = JobId{impl_->db.getLastInsertRowid()};
    impl_->watch.run(id);
  });
  return id;
}

std::optional<int> JobClient::attempt(JobId job) {
  std::optional<std::int64_t> attempt;
  impl_->connection.read([&] { attempt = impl_->attempt.integer(job); });
  return attempt ? std::optional(static_cast<int>(*attempt)) : std::nullopt;
}

void JobClient::Impl::read_lines(JobId id, LogPlace after, JobLook& look) {
  std::size_t bytes = 0;
  log.each(
      [&](SQLite::Statement& row) {
        if (look.lines.size() == page_lines || bytes >= page_bytes) {
          look.has_more = true;
          return false;
        }
        const auto text = [&](int column) { return row.getColumn(column).getString(); };
        look.lines.push_back({row.getColumn(0).getInt(), row.getColumn(1).getInt64(), text(2),
                              text(3), text(4), text(5), text(6)});
        bytes += look.lines.back().message.size();
        return true;
      },
      id, after.attempt, after.seq);
}

void JobClient::Impl::read_job(JobId id, JobLook& look) {
  job.each(
      [&](SQLite::Statement& row) {
        const std::string word = row.getColumn(0).getString();
        const auto state = job_state(word);
        if (!state)
          throw StoreBroken("job " + std::to_string(id.value) +
                            " is in a state that does not exist: delete it");
        FollowedJob found;
        found.state = *state;
        found.attempt = row.getColumn(1).getInt();
        found.log_gaps = row.getColumn(2).getInt64();
        found.error = row.getColumn(3).getString();
        found.submitted_at = read_time(row.getColumn(4));
        found.finished_at = read_time(row.getColumn(5));
        if (!row.getColumn(6).isNull())
          found.result = row.getColumn(6).getString();
        look.job = std::move(found);
        return false;
      },
      id, look.has_more ? 0 : 1);
  if (!look.job)
    return;
  look.job->waits_for = waiting.text(id).value_or("");
  if (!look.job->finished_at)
    look.job->daemon_trouble = health.text().value_or("");
}

JobLook JobClient::look(JobId job, LogPlace after) {
  JobLook look;
  impl_->connection.read([&] {
    impl_->read_lines(job, after, look);
    impl_->read_job(job, look);
  });
  return look;
}

bool JobClient::changed() {
  const auto seen = std::exchange(impl_->seen_version, std::nullopt);
  try {
    impl_->seen_version = impl_->data_version.integer();
  } catch (const SQLite::Exception& error) {
    impl_->connection.rethrow_to_user(error);
  }
  return impl_->seen_version != seen;
}

void JobClient::watch(JobId job) {
  bool is_watched = false;
  impl_->connection.read([&] { is_watched = impl_->is_watched.integer(job).has_value(); });
  if (!is_watched)
    impl_->connection.write([&] { impl_->watch.run(job); });
}

bool JobClient::cancel(JobId job) {
  bool applied = false;
  impl_->connection.write([&] { applied = impl_->cancel.run(job) == 1; });
  return applied;
}

bool JobClient::was_replaced() const {
  return impl_->connection.was_replaced();
}

} // namespace kdq
