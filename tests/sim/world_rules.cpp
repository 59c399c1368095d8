// The rules that a run is watched by while it goes on: backups, waits, and a neighbour that is ill.
#include "tests/sim/invariants.h"
#include "tests/sim/world.h"

#include <SQLiteCpp/Statement.h>

namespace kdq::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds try_again = 500ms; // a user whom the database refused

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

/// When a start is sent: what had not ended in a restored file runs when its user says so.
void World::check_held() {
  if (vfs_.dead() || restores_.count() == 0)
    return;
  users_.look([&](SQLite::Database& database) {
    SQLite::Statement query(database,
                            "SELECT id FROM jobs WHERE state IN ('submitting','running')");
    while (query.executeStep())
      if (users_.waits_for_word(query.getColumn(0).getInt64()))
        seen_.violations.push_back("after a restore a job runs that nobody has released: " +
                                   query.getColumn(0).getString());
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
