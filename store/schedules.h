// The table schedules: what is due, the jobs of its times, and what the daemon writes about them.
#pragma once

#include "store/job.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// schedules.overlap
enum class Overlap { skip, queue_one, queue_all, replace };
/// schedules.missed
enum class Missed { once, skip, all };

/// A row without what it hands on to its jobs: what the daemon decides by.
struct Schedule {
  std::string name;
  std::string cron;
  std::string timezone;
  Overlap overlap = Overlap::skip;
  Missed missed = Missed::once;
  std::chrono::seconds catch_up{0};
  std::chrono::seconds jitter{0};
  std::optional<std::chrono::seconds> expires;
  std::string starts_at; ///< as the user wrote it; empty: none
  std::string ends_at;
  bool paused = false;
  /// Nothing: there is none, or it cannot be read.
  std::optional<WallTime> next_at;
  std::optional<WallTime> last_at;
  bool operator==(const Schedule&) const = default;
};

/// A job for a time of a schedule.
struct ScheduledJob {
  WallTime at;     ///< the time
  WallTime run_at; ///< not before
  std::optional<WallTime> expires_at;
};

/// What became of a time that was to have a job.
struct ScheduledRun {
  enum class Outcome {
    made,    ///< there is a job, perhaps since long ago
    skipped, ///< the last one has not ended
    refused  ///< by the database, which has a reason
  };
  Outcome outcome = Outcome::skipped;
  JobId job;
  JobState state = JobState::queued;
  std::string why; ///< it was refused
};

/// What the daemon writes of a schedule.
struct ScheduleProgress {
  struct Last {
    WallTime at;
    JobId job;
    JobState state = JobState::queued;
  };
  std::optional<WallTime> next_at;
  std::int64_t skipped = 0; ///< so many more
  std::string error;        ///< a sentence; empty: none
  std::optional<Last> last; ///< nothing: as it was
};

/// Single-threaded; must not outlive the Database.
class Schedules {
public:
  explicit Schedules(Database& database);
  ~Schedules();

  /// Whether a schedule of this name is to be found; asked while a statement is open: no changes.
  using Wanted = std::function<bool(const std::string& name)>;

  // --- looks, inside of Database::read() ------------------------------------------------------
  /// Schedules whose times are to be reckoned anew, at most `most` of them.
  std::vector<std::string> changed(std::size_t most, const Wanted& wanted);
  /// Those whose next time has come and is not to be reckoned anew, at most `most`, the latest time
  /// first: what comes now shall not wait for what is made up for.
  std::vector<Schedule> due(WallTime now, std::size_t most, const Wanted& wanted);
  /// Nothing: there is no such schedule.
  std::optional<Schedule> find(const std::string& name);
  /// The next time of all that comes after `now`; far future: one that cannot be read.
  std::optional<WallTime> next_time(WallTime now);
  /// Those of an app whose name comes after `name` and that have a next time; by name.
  std::vector<Schedule> of_app(const std::string& app, const std::string& name, std::size_t most);
  /// How many jobs of an app that have a schedule may be started now, looking at no more than that.
  std::int64_t queued(const std::string& app, WallTime now, std::int64_t at_most);
  /// When the queue was last found to be restored from a backup.
  std::optional<WallTime> restored_at();
  /// Whether any has no next time for an error.
  bool has_errors();
  /// Bytes of the script and argv that each of its jobs gets.
  std::int64_t job_bytes(const std::string& name);

  // --- changes, inside of Database::write() ---------------------------------------------------
  /// Those that have no next time for an error count as changed.
  void look_again_at_errors();
  /// It is not to be reckoned anew any more.
  void reckoned(const std::string& name);
  /// INSERTs the job of a time, as overlap wants it, unless there is one. `now`: when one that it
  /// replaces has ended.
  ScheduledRun run(const Schedule& schedule, const ScheduledJob& job, WallTime now);
  /// Throws StoreUnavailable if a user's trigger ignores the change.
  void save(const std::string& name, const ScheduleProgress& progress);
  /// Only its error, a sentence; the same.
  void tell(const std::string& name, const std::string& error);
  /// In the place of what the view upcoming had of it.
  void set_times(const std::string& name, const std::vector<WallTime>& times);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
