#include "store/status_tables.h"

#include "store/database.h"
#include "store/statement.h"

#include <algorithm>
#include <utility>

namespace kdq {
namespace {

std::optional<std::string> reason_of(const std::optional<Wait>& wait) {
  return wait ? std::optional(wait->reason) : std::nullopt;
}
std::optional<WallTime> end_of(const std::optional<Wait>& wait) {
  return wait ? wait->until : std::nullopt;
}

std::string endpoint_word(const AppPause& pause) {
  return pause.endpoint ? std::string(to_text(*pause.endpoint)) : "both";
}

/// More than enough for any wait to have grown to its longest.
constexpr int most_in_a_row = 30;

} // namespace

struct StatusTables::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  Statement pauses{db, "SELECT scope, key FROM pauses"};
  Statement watches{db, "SELECT job_id, until FROM watches WHERE until > ?1"};
  // `since` is when the state began, whatever else of the row changes.
  Statement show{
      db, "INSERT INTO apps(name, state, reason, since, start_wait, start_at, poll_wait, poll_at, "
          "submit_quota, status_quota, day, day_begins, day_ends, reserved_polls, running, "
          "token_expires_at, consent_ends_at, token_trouble, login, unscheduled_wait, "
          "unscheduled_at) "
          "VALUES (?1, ?2, nullif(?3, ''), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
          "?16, ?17, nullif(?18, ''), nullif(?19, ''), ?20, ?21) "
          "ON CONFLICT DO UPDATE SET since = iif(state IS excluded.state, since, excluded.since), "
          "state = excluded.state, reason = excluded.reason, start_wait = excluded.start_wait, "
          "start_at = excluded.start_at, poll_wait = excluded.poll_wait, "
          "poll_at = excluded.poll_at, submit_quota = excluded.submit_quota, "
          "status_quota = excluded.status_quota, day = excluded.day, "
          "day_begins = excluded.day_begins, day_ends = excluded.day_ends, "
          "reserved_polls = excluded.reserved_polls, running = excluded.running, "
          "token_expires_at = excluded.token_expires_at, "
          "consent_ends_at = excluded.consent_ends_at, token_trouble = excluded.token_trouble, "
          "login = excluded.login, unscheduled_wait = excluded.unscheduled_wait, "
          "unscheduled_at = excluded.unscheduled_at"};
  Statement app_pauses{db, "SELECT endpoint, since, until, reason, needs_person, quota, in_a_row "
                           "FROM app_pauses WHERE app = ?1"};
  Statement add_pause{db,
                      "INSERT INTO app_pauses(app, endpoint, since, until, reason, needs_person, "
                      "quota, in_a_row) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
  Statement no_pauses{db, "DELETE FROM app_pauses WHERE app = ?1"};
  Statement names{db, "SELECT name FROM apps"};
  Statement remove{db, "DELETE FROM apps WHERE name = ?1"};
  Statement started{db, "INSERT OR REPLACE INTO daemon(one, started_at) VALUES (1, ?1)"};
  Statement settings{db, "UPDATE daemon SET version = ?1, max_running = ?2, "
                         "max_running_per_file = ?3, max_script_bytes = ?4, "
                         "config_trouble = nullif(?5, '')"};
  Statement seen{db, "UPDATE daemon SET seen_at = ?1"};
  Statement stopped{db, "UPDATE daemon SET stopped_at = ?1"};
  Statement trouble{db, "UPDATE daemon SET trouble = nullif(?1, ''), "
                        "trouble_since = iif(?1 = '', NULL, coalesce(trouble_since, ?2))"};
  Statement none_refused{db, "DELETE FROM refused_jobs"};
  Statement add_refused{db, "INSERT INTO refused_jobs(job_id, what, error, since) "
                            "VALUES (?1, ?2, ?3, ?4)"};
  Statement log_grew{db, "UPDATE daemon SET log_mb = ?1"};
};

StatusTables::StatusTables(Database& database)
    : impl_(std::make_unique<Impl>(database.connection())) {}
StatusTables::~StatusTables() = default;

Pauses StatusTables::pauses() {
  Pauses found;
  impl_->pauses.each([&](SQLite::Statement& row) {
    const std::string scope = row.getColumn(0).getString();
    std::string key = row.getColumn(1).getString();
    if (scope == "all")
      found.all = true;
    else
      (scope == "app" ? found.apps : found.files).insert(std::move(key));
    return true;
  });
  return found;
}

std::vector<Watch> StatusTables::watches(WallTime now) {
  std::vector<Watch> found;
  impl_->watches.each(
      [&](SQLite::Statement& row) {
        if (const auto until = parse_time(row.getColumn(1).getString()))
          found.push_back({JobId{row.getColumn(0).getInt64()}, *until});
        return true;
      },
      now);
  return found;
}

void StatusTables::show(const AppRow& row, WallTime now) {
  impl_->show.run(row.name, row.state, row.reason, now, reason_of(row.starts), end_of(row.starts),
                  reason_of(row.polls), end_of(row.polls), row.submit_quota, row.status_quota,
                  row.day, row.day_begins, row.day_ends, row.reserved_polls, row.running,
                  row.token_expires_at, row.consent_ends_at, row.token_trouble, row.login,
                  reason_of(row.unscheduled), end_of(row.unscheduled));
  impl_->no_pauses.run(row.name);
  for (const AppPause& pause : row.pauses)
    impl_->add_pause.run(row.name, endpoint_word(pause), pause.since, pause.until, pause.reason,
                         static_cast<int>(pause.needs_person), static_cast<int>(pause.quota),
                         pause.in_a_row);
}

std::vector<AppPause> StatusTables::app_pauses(const std::string& app) {
  std::vector<AppPause> found;
  impl_->app_pauses.each(
      [&](SQLite::Statement& row) {
        AppPause pause;
        const std::string word = row.getColumn(0).getString();
        pause.endpoint = endpoint_of(word);
        const auto since = parse_time(row.getColumn(1).getString());
        const auto until = parse_time(row.getColumn(2).getString());
        if (word != endpoint_word(pause) || !since || !until)
          return true; // somebody has written into it
        pause.since = *since;
        pause.until = *until;
        pause.reason = row.getColumn(3).getString();
        pause.needs_person = row.getColumn(4).getInt() != 0;
        pause.quota = row.getColumn(5).getInt() != 0;
        pause.in_a_row = std::clamp(row.getColumn(6).getInt(), 0, most_in_a_row);
        found.push_back(std::move(pause));
        return true;
      },
      app);
  return found;
}

void StatusTables::keep_only(const std::set<std::string>& apps) {
  std::vector<std::string> gone;
  impl_->names.each([&](SQLite::Statement& row) {
    if (const std::string name = row.getColumn(0).getString(); !apps.contains(name))
      gone.push_back(name);
    return true;
  });
  for (const std::string& name : gone) {
    impl_->remove.run(name);
    impl_->no_pauses.run(name);
  }
}

void StatusTables::started(WallTime now) {
  impl_->started.run(now);
  impl_->none_refused.run();
}

void StatusTables::settings(const DaemonRow& row) {
  impl_->settings.run(row.version, row.max_running, row.max_running_per_file, row.max_script_bytes,
                      row.config_trouble);
}

void StatusTables::refused(const std::vector<RefusedJob>& jobs) {
  impl_->none_refused.run();
  for (const RefusedJob& row : jobs)
    impl_->add_refused.run(row.job, row.what, row.error, row.since);
}

void StatusTables::trouble(const std::string& sentence, WallTime now) {
  impl_->trouble.run(sentence, now);
}

void StatusTables::log_grew(std::optional<std::int64_t> megabytes) {
  impl_->log_grew.run(megabytes);
}

void StatusTables::seen(WallTime now) {
  impl_->seen.run(now);
}

void StatusTables::stopped(WallTime now) {
  impl_->stopped.run(now);
}

} // namespace kdq
