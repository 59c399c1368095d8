// The people beside the daemon: they insert, cancel, run again, delete, pause,
// watch, hold locks, make backups, restore them and look.
#pragma once

#include "poller/clock.h"
#include "tests/sim/plan.h"
#include "tests/sim/trace.h"

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace kdq::sim {

class Users {
public:
  Users(std::filesystem::path file, const Clock& clock, bool stay, Trace& trace);

  /// Each does what the action says, unless the database refuses, as it may: returns whether
  /// another attempt makes sense, because somebody has the lock or the disk is full.
  bool act(const Action& action);
  /// The end of a pause or refusal that began with that action; returns the same.
  bool end(const Action& action);
  void lock();
  void unlock(bool keep_changes);
  /// All pauses and refusals end, and all schedules; false: not now.
  bool resume();
  bool locks() const { return locker_ != nullptr; }
  void begin_reading();
  void end_reading();

  /// All connections end: the power is gone, or the run is over.
  void leave();

  /// Plants the record of all changes of state; false if that is not possible now.
  bool keep_audit();

  /// A connection of its own.
  std::unique_ptr<SQLite::Database> connect() const;

  /// Runs `look` on a connection of the users.
  void look(const std::function<void(SQLite::Database&)>& look);

  // --- what they know ------------------------------------------------------------------------
  struct Job {
    JobPlan plan;
    int reruns = 0; ///< how often they set it to queued
    bool deleted = false;
  };
  /// The jobs whose INSERT succeeded, by id; after a restore those of the backup.
  const std::map<std::int64_t, Job>& jobs() const { return jobs_; }
  /// Whether the job had not ended in the file that was restored last, and nobody has set it to
  /// queued since.
  bool waits_for_word(std::int64_t job) const { return held_.contains(job); }
  /// Nothing was sent between backup and restore: nothing of it can have run since.
  void nothing_ran_since_backup() { held_.clear(); }
  /// The daemon that met the restore is no more. If it had not noticed, nobody can: a copy that is
  /// hardly older than what it replaces is not known for one.
  void daemon_ended(SQLite::Database& database);

private:
  SQLite::Database& main();
  bool attempt(const Action& action, const std::function<void()>& what);
  void insert(const JobPlan& job);
  void insert_schedule(const JobPlan& job, const SchedulePlan& schedule);
  void add_class(const JobPlan& job);
  std::optional<std::int64_t> batch(std::optional<int> number);
  std::optional<std::int64_t> chosen_job(std::optional<std::uint64_t> choice) const;
  void change(const Action& action);
  void pause(const Action& action);
  void resume(const Action& action);
  void back_up();
  void restore();
  void watch(const Action& action);
  void refuse(const Action& action, bool begin);

  std::filesystem::path file_;
  const Clock& clock_;
  bool stay_;
  Trace& trace_;
  std::unique_ptr<SQLite::Database> main_;
  std::unique_ptr<SQLite::Database> locker_;
  std::unique_ptr<SQLite::Database> reader_;
  std::map<std::int64_t, Job> jobs_;
  std::map<std::int64_t, Job> jobs_of_backup_;
  std::set<std::int64_t> held_;
};

} // namespace kdq::sim
