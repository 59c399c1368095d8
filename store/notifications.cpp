#include "store/notifications.h"

#include "store/database.h"
#include "store/job_row_columns.h"
#include "store/statement.h"

#include <chrono>
#include <string_view>

namespace kdq {
namespace {

constexpr std::chrono::days longest_kept{7};
// Rows of one transaction: deleted, or given up.
constexpr int most_rows = 100;

constexpr std::string_view of_others =
    "state = 'waiting' AND command NOT IN (SELECT value FROM json_each(?1))";

/// What all of them begin with. A command's payload is one line: json_object() writes no others.
std::string insert(const std::string& values) {
  return "INSERT INTO notifications(at, event, app, job_id, command, payload) " + values;
}

} // namespace

struct Notifications::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  // By the row itself: a user's trigger may have moved the job on. Texts have bounds, as a command
  // may pass them on to a service that has some, too.
  Statement add_job{
      db,
      insert("SELECT ?2, ?3, app, id, ?4, json_object('event', ?3, 'at', ?2, 'app', app, 'text', "
             "'job ' || id || coalesce(' (' || substr(script_name, 1, 200) || ')', '') || "
             "CASE state WHEN 'failed' THEN ' has failed' WHEN 'timed_out' THEN ' has timed out' "
             "ELSE ' is unconfirmed' END || coalesce(': ' || substr(error, 1, 2000), ''), "
             "'job', json_object('id', id, 'file_token', substr(CAST(file_token AS TEXT), 1, 500), "
             "'script_name', substr(script_name, 1, 200), 'state', state, "
             "'error', substr(error, 1, 2000), 'attempt', attempt, 'log_gaps', log_gaps, "
             "'submitted_at', submitted_at, 'finished_at', finished_at)) "
             "FROM jobs WHERE id = ?1 AND state = ?3 AND (?5 = '' OR app = ?5)")};
  Statement is_blocked{db, "SELECT 1 FROM apps WHERE name = ?1 AND state = 'blocked'"};
  Statement add_blocked{
      db, insert("VALUES (?1, 'blocked', ?2, NULL, ?3, json_object('event', 'blocked', 'at', ?1, "
                 "'app', ?2, 'text', 'the app ' || ?2 || ' is blocked: ' || substr(?4, 1, 2000), "
                 "'reason', substr(?4, 1, 2000)))")};
  Statement add_health{
      db, insert("VALUES (?1, 'health', ?2, NULL, ?3, json_object('event', 'health', 'at', ?1, "
                 "'app', ?2, 'text', ?4 || ': ' || substr(?5, 1, 2000), "
                 "'health', json_object('subject', ?4, 'message', substr(?5, 1, 2000))))")};
  Statement health{db, "SELECT subject, message FROM health WHERE message IS NOT NULL"};
  Statement told{db, "SELECT subject, message FROM health_told"};
  Statement forget{db, "DELETE FROM health_told"};
  Statement tell{db, "INSERT OR IGNORE INTO health_told(subject, message) VALUES (?1, ?2)"};
  Statement first{db, "SELECT id, event, payload, attempts, first_try_at, next_try_at "
                      "FROM notifications WHERE state = 'waiting' AND command = ?1 "
                      "ORDER BY id LIMIT 1"};
  Statement done{db, "UPDATE notifications SET state = 'done', attempts = attempts + 1, "
                     "last_error = NULL, next_try_at = NULL, finished_at = ?2 "
                     "WHERE id = ?1 AND state = 'waiting'"};
  Statement failed{db, "UPDATE notifications SET state = iif(?4 IS NULL, 'given_up', 'waiting'), "
                       "attempts = attempts + 1, last_error = ?2, "
                       "first_try_at = coalesce(first_try_at, ?3), next_try_at = ?4, "
                       "finished_at = iif(?4 IS NULL, ?5, NULL) "
                       "WHERE id = ?1 AND state = 'waiting'"};
  Statement others{db, "SELECT 1 FROM notifications WHERE " + std::string(of_others) + " LIMIT 1"};
  Statement give_up_others{db, "UPDATE notifications SET state = 'given_up', last_error = ?2, "
                               "next_try_at = NULL, finished_at = ?3 WHERE id IN (SELECT id "
                               "FROM notifications WHERE " +
                                   std::string(of_others) + " LIMIT ?4)"};
  Statement prune_old{db, "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications "
                          "WHERE state <> 'waiting' AND finished_at < ?1 "
                          "ORDER BY finished_at LIMIT ?2)"};
  Statement prune_many{db, "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications "
                           "WHERE id <= (SELECT max(id) FROM notifications) - 10000 "
                           "ORDER BY id LIMIT ?1)"};
};

Notifications::Notifications(Database& database)
    : impl_(std::make_unique<Impl>(database.connection())) {}
Notifications::~Notifications() = default;

// --- events -------------------------------------------------------------------------------------

void Notifications::add_job(JobId job, JobState state, const NoticeTarget& target, WallTime now) {
  impl_->add_job.run(job, now, state, target.command, target.app);
}

bool Notifications::is_blocked(const std::string& app) {
  return impl_->is_blocked.integer(app).has_value();
}

void Notifications::add_blocked(const std::string& app, const std::string& reason,
                                const NoticeTarget& target, WallTime now) {
  if (target.app.empty() || target.app == app)
    impl_->add_blocked.run(now, app, target.command, reason);
}

void Notifications::add_health(const HealthRow& row, const NoticeTarget& target, WallTime now) {
  constexpr std::string_view of_app = "app ";
  const bool is_of_app = row.subject.starts_with(of_app);
  const std::string app = is_of_app ? row.subject.substr(of_app.size()) : "";
  if (target.app.empty() || target.app == app)
    impl_->add_health.run(now, is_of_app ? &app : nullptr, target.command, row.subject,
                          row.message);
}

void Notifications::set_told(const std::vector<HealthRow>& rows) {
  impl_->forget.run();
  for (const HealthRow& row : rows)
    impl_->tell.run(row.subject, row.message);
}

std::vector<HealthRow> Notifications::health() {
  std::vector<HealthRow> rows;
  impl_->health.each([&](SQLite::Statement& row) {
    rows.push_back({row.getColumn(0).getString(), row.getColumn(1).getString()});
    return true;
  });
  return rows;
}

std::vector<HealthRow> Notifications::told() {
  std::vector<HealthRow> rows;
  impl_->told.each([&](SQLite::Statement& row) {
    rows.push_back({row.getColumn(0).getString(), row.getColumn(1).getString()});
    return true;
  });
  return rows;
}

// --- until they are told ------------------------------------------------------------------------

std::optional<WaitingNotice> Notifications::first(const std::string& command) {
  std::optional<WaitingNotice> found;
  impl_->first.each(
      [&](SQLite::Statement& row) {
        found = WaitingNotice{row.getColumn(0).getInt64(),  row.getColumn(1).getString(),
                              row.getColumn(2).getString(), row.getColumn(3).getInt(),
                              read_time(row.getColumn(4)),  read_time(row.getColumn(5))};
        return true;
      },
      command);
  return found;
}

void Notifications::done(std::int64_t id, WallTime now) {
  impl_->done.run(id, now);
}

void Notifications::failed(std::int64_t id, const NoticeFailure& failure, WallTime now) {
  impl_->failed.run(id, failure.error, failure.began, failure.retry_at, now);
}

bool Notifications::has_others(const std::string& commands) {
  return impl_->others.integer(commands).has_value();
}

void Notifications::give_up_others(const std::string& commands, const std::string& error,
                                   WallTime now) {
  impl_->give_up_others.run(commands, error, now, most_rows);
}

int Notifications::prune(WallTime now) {
  return impl_->prune_many.run(most_rows) + impl_->prune_old.run(now - longest_kept, most_rows);
}

} // namespace kdq
