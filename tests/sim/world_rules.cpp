// The rules that a run is watched by while it goes on: files in use, schedules, backups,
// waits, and a neighbour that is ill.
#include "tests/sim/invariants.h"
#include "tests/sim/world.h"

#include <SQLiteCpp/Statement.h>

namespace kdq::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds try_again = 500ms; // a user whom the database refused

// By an index, however many have ended.
constexpr const char* from_jobs_under_way =
    " FROM jobs INDEXED BY jobs_open WHERE (state = 'submitting' OR state = 'running' OR "
    "state = 'unconfirmed') AND state <> 'unconfirmed'";

} // namespace

void World::insert(const Action& action) {
  if (users_.act(action)) {
    if (!calm_)
      agenda_.emplace(clock_.steady() + try_again, [this, &action] { insert(action); });
    return;
  }
  neighbour_.inserted(action.job.name, action.job, clock_.steady());
}

void World::back_up(const Action& action) {
  // The record of all changes of state goes with it.
  if (!audited_ || users_.act(action))
    agenda_.emplace(clock_.steady() + try_again, [this, &action] { back_up(action); });
  else
    restores_.backed_up(wire_);
}

/// Only under a daemon that works: what becomes of a file that is restored while none is there, no
/// daemon can know.
void World::restore(const Action& action) {
  if (!restores_.can_restore())
    return;
  const bool works = daemon_ && !daemon_->stopping && audited_;
  if (!works || restores_.is_uncounted() || users_.locks()) {
    agenda_.emplace(clock_.steady() + try_again, [this, &action] { restore(action); });
    return;
  }
  Restores::Counts spent;
  Findings before;
  users_.look([&](SQLite::Database& database) {
    spent = Restores::today_of(database);
    check_runs(*this, database, before);
  });
  if (users_.act(action)) {
    agenda_.emplace(clock_.steady() + try_again, [this, &action] { restore(action); });
    return;
  }
  for (const std::string& violation : before.violations)
    seen_.violations.push_back("before a restore: " + violation);
  if (!restores_.sent_since_backup(wire_))
    users_.nothing_ran_since_backup();
  restores_.restored(wire_, std::move(spent));
  asked_waits_.restored(clock_.steady());
}

/// Whoever waits is told why.
void World::check_waiting() {
  if (!daemon_)
    return;
  users_.look([&](SQLite::Database& database) {
    SQLite::Statement query(database,
                            "SELECT id FROM jobs WHERE state IN ('queued','unconfirmed') EXCEPT "
                            "SELECT job_id FROM waiting WHERE reason <> ''");
    while (query.executeStep())
      seen_.violations.push_back("no sentence says why a job waits: " +
                                 query.getColumn(0).getString());
  });
}

/// When nothing has been in the daemon's way for a while: each schedule has times to come.
void World::check_schedules_go_on() {
  users_.look([&](SQLite::Database& database) {
    SQLite::Statement query(
        database, "SELECT name || ' since ' || coalesce(next_at, 'ever, ' || error, 'ever') "
                  "FROM schedules WHERE paused = 0 AND coalesce(next_at, '') < "
                  "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 minute')");
    while (query.executeStep())
      seen_.violations.push_back("nobody has looked at the schedule " +
                                 query.getColumn(0).getString());
  });
}

/// The rule of one running script a file, where it is broken: when a start is sent.
void World::check_files_in_use() {
  if (vfs_.dead())
    return;
  users_.look([&](SQLite::Database& database) {
    SQLite::Statement query(database, std::string("SELECT file_token") + from_jobs_under_way +
                                          " GROUP BY 1 HAVING count(*) > 1");
    if (query.executeStep())
      seen_.violations.push_back("two jobs run on " + query.getColumn(0).getString());
  });
}

/// When a start is sent: what had not ended in a restored file runs when its user says so.
void World::check_held() {
  if (vfs_.dead() || restores_.count() == 0)
    return;
  users_.look([&](SQLite::Database& database) {
    SQLite::Statement query(database, std::string("SELECT id") + from_jobs_under_way);
    while (query.executeStep())
      if (users_.waits_for_word(query.getColumn(0).getInt64()))
        seen_.violations.push_back("after a restore a job runs that nobody has released: " +
                                   query.getColumn(0).getString());
  });
}

/// When a start is sent: no class runs more jobs than it may, or has had more starts.
void World::check_classes() {
  if (vfs_.dead())
    return;
  users_.look([&](SQLite::Database& database) {
    SQLite::Statement query(
        database,
        "SELECT app || ' ' || name || ' runs too many jobs' FROM classes AS c WHERE max_running < "
        "(SELECT count(*) FROM jobs AS j WHERE j.class = c.name AND j.app = c.app AND j.class IS "
        "NOT NULL AND (j.state = 'submitting' OR j.state = 'running')) UNION ALL "
        "SELECT app || ' ' || name || ' has had too many starts' FROM classes AS c WHERE EXISTS "
        "(SELECT 1 FROM class_starts AS s WHERE s.app = c.app AND s.class = c.name AND s.starts > "
        "c.starts_per_day)");
    while (query.executeStep())
      seen_.violations.push_back("the class " + query.getColumn(0).getString());
  });
}

void World::before_send(const HttpRequest& request) {
  const bool start = request.method == HttpRequest::Method::post;
  asked_waits_.before_send(app_of(request.url), start, clock_.steady());
  if (restores_.is_uncounted())
    users_.look(
        [&](SQLite::Database& database) { restores_.before_send(database, seen_.violations); });
}

void World::after_tick() {
  const bool disturbed = users_.locks() || vfs_.failing() || !daemon_ || daemon_->stopping;
  if (asked_waits_.any_unsaved())
    users_.look([&](SQLite::Database& database) {
      asked_waits_.look(database, disturbed, clock_.steady());
    });
  if (!plan_.hanging || clock_.steady() < next_look_at_neighbour_)
    return;
  next_look_at_neighbour_ = clock_.steady() + 1s;
  const bool works = daemon_ && !daemon_->stopping;
  users_.look([&](SQLite::Database& database) {
    neighbour_.look(database, works ? std::optional(daemon_->since) : std::nullopt,
                    clock_.steady());
  });
}

/// Whatever ended it: what it leaves is what the next one will find.
void World::judge_end_of_daemon() {
  if (!asked_waits_.any() && restores_.count() == 0)
    return;
  users_.look([&](SQLite::Database& database) {
    asked_waits_.daemon_ended(database, clock_.steady());
    restores_.daemon_ended(database);
    users_.daemon_ended(database);
  });
}

} // namespace kdq::sim
