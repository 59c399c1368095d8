// What an operator tells the daemon by tables (pauses, watches), and the daemon an operator (apps,
// daemon). The views waiting, quota_today and health are made from these.
#pragma once

#include "store/app_pause.h"
#include "store/job.h"
#include "store/wait.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// Rows of `pauses`: where no script is to be started.
struct Pauses {
  bool all = false;
  std::set<std::string, std::less<>> apps;
  std::set<std::string, std::less<>> files; ///< file tokens
};

/// A row of `watches`: someone follows the job's log until then.
struct Watch {
  JobId job;
  WallTime until;
};

/// A row of `apps`.
struct AppRow {
  std::string name;
  std::string state; ///< ready; waiting: goes on by itself; blocked: a person must act
  std::string reason;
  std::optional<Wait> starts;
  std::optional<Wait> unscheduled; ///< starts of jobs without schedule
  std::optional<Wait> polls;
  std::int64_t submit_quota = 0;
  std::int64_t status_quota = 0;
  std::string day; ///< name of the quota day
  WallTime day_begins;
  WallTime day_ends;
  std::int64_t reserved_polls = 0; ///< that the running tasks are expected to need today
  std::int64_t running = 0;
  std::vector<AppPause> pauses; ///< rows of app_pauses
  std::optional<WallTime> token_expires_at;
  std::optional<WallTime> consent_ends_at;
  std::string token_trouble; ///< empty: none
  std::string login;         ///< the command with which a person consents; empty: nobody has to
  bool operator==(const AppRow&) const = default;
};

/// A row of `refused_jobs`: what the daemon writes for it is refused, and it waits by itself.
struct RefusedJob {
  JobId job;
  std::string what;  ///< is refused: "the start of", before the job's number
  std::string error; ///< a sentence
  WallTime since;
};

/// What the table `daemon` says of the settings.
struct DaemonRow {
  std::string version;
  std::int64_t max_running = 0;
  std::int64_t max_running_per_file = 0;
  std::int64_t max_script_bytes = 0;
  std::string config_trouble; ///< why a configuration was not taken; empty: none was refused
};

/// Single-threaded; must not outlive the Database.
class StatusTables {
public:
  explicit StatusTables(Database& database);
  ~StatusTables();

  // --- inside of Database::read() -------------------------------------------------------------
  Pauses pauses();
  /// Those that have not passed.
  std::vector<Watch> watches(WallTime now);
  /// What kept an app from sending when it was last shown.
  std::vector<AppPause> app_pauses(const std::string& app);

  // --- inside of Database::write() ------------------------------------------------------------
  void show(const AppRow& row, WallTime now);
  /// Removes the rows of apps that are not configured any more.
  void keep_only(const std::set<std::string>& apps);
  void started(WallTime now);
  void settings(const DaemonRow& row);
  /// It runs.
  void seen(WallTime now);
  void stopped(WallTime now);
  /// Why other changes are not possible; empty: they are.
  void trouble(const std::string& sentence, WallTime now);
  /// These jobs and no others.
  void refused(const std::vector<RefusedJob>& jobs);
  /// The size of a write-ahead log that somebody keeps from being begun anew; nothing: it is usual.
  void log_grew(std::optional<std::int64_t> megabytes);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
