// The verbs that move a job through its states. Each is a short guarded change to be called inside
// of Database::write() (the looks: inside of Database::read()); it says whether it applied.
#pragma once

#include "store/job.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace kdq {

class Database;

/// Where a scan of the queue found jobs to start, and rows that stand in the way of the next scan.
struct QueueScan {
  struct Entry {
    JobId id;
    std::string app;
    std::string file_token;
    std::int64_t priority = 0;
    std::string due; ///< text of the time, as ordered by the scan
    auto order() const { return std::tie(priority, due, id); }
  };
  std::vector<Entry> startable; ///< in claim order: priority, run_at, id
  std::vector<JobId> behind;    ///< their file is taken by an earlier job: to be parked
  std::vector<JobId> early;     ///< run_at has not come
  bool more = false;            ///< rows are to be set aside, and there may be others behind them
};

/// Single-threaded; must not outlive the Database.
class JobQueue {
public:
  explicit JobQueue(Database& database);
  ~JobQueue();

  // --- looks ---------------------------------------------------------------------------------
  /// Scans an app's ready jobs in claim order. `slots(file)`: how many more jobs of a file may be
  /// started; `taken_files`: how many files may have none, each of which costs the scan a row. Ends
  /// after `limit` startable jobs or a bounded number of rows to be set aside.
  QueueScan scan(const std::string& app, WallTime now, std::size_t limit, std::size_t taken_files,
                 const std::function<std::size_t(const std::string&)>& slots);
  /// Names of the apps that queued jobs are for.
  std::vector<std::string> queued_apps();
  /// Queued jobs whose expires_at has passed, a bounded number of them.
  std::vector<JobId> expired(WallTime now);
  /// When the next run_at or expires_at comes.
  std::optional<WallTime> next_time();
  /// Whether any job is queued, whatever the counters say.
  bool has_queued();
  /// How many jobs are queued, and how many are being started or running; kept counters.
  std::size_t queued();
  std::size_t busy();
  /// Whether a job could be started, if nothing were in the way.
  bool has_ready();
  /// How many of an app's jobs may be started before `until`, looking at no more than `at_most`.
  std::int64_t waiting(const std::string& app, WallTime until, std::int64_t at_most);
  ScriptIdentity identity(JobId job);
  /// Nothing: there is no such job.
  std::optional<JobState> state(JobId job);
  /// What the job's columns say just now; the default if there is no such job.
  RetryPolicy retry_policy(JobId job);
  /// The jobs in a state that only the daemon leaves: submitting and running; by id.
  std::vector<UnfinishedJob> unfinished();
  /// Only their ids, in order.
  std::vector<JobId> unfinished_ids();
  /// Whether a job that was found is still what it was found as: a user may have changed it since.
  bool still_startable(const QueueScan::Entry& entry, WallTime now);
  bool still_expired(JobId job, WallTime now);
  /// Whether the kept counters say what is there. Takes 50 ms with a million queued jobs: not for
  /// under the write lock.
  bool counts_are_right();

  // --- changes -------------------------------------------------------------------------------
  /// Takes rows out of the next scan's way; nothing is lost if they changed meanwhile.
  void set_aside(const QueueScan& scan);
  /// Puts jobs whose run_at has come into the scan; returns how many (bounded).
  int promote(WallTime now);
  /// queued → submitting. Nothing, if it is not queued any more, or not what the scan found (its
  /// row in the queue goes if there is no such job). Throws StoreUnavailable if a user's trigger
  /// ignores the change.
  std::optional<ClaimedJob> claim(const QueueScan::Entry& entry, WallTime now);
  /// The same for a job that is to end unsent.
  std::optional<ClaimedJob> claim(JobId job);
  /// Writes `after` over `before`, with all that follows: queue, counters, who depends on it.
  /// `after.rev` must be `before.rev + 1`. False if the row is not `before` any more (state,
  /// attempt and rev): a user has cancelled or deleted it, or the file was restored; nothing is
  /// changed.
  bool save(JobId job, const JobRow& before, const JobRow& after);
  /// The same for the way back to `queued`, not to be started before `at`.
  bool save_for_later(JobId job, const JobRow& before, const JobRow& after, WallTime at);
  /// Counts what came for an attempt that is not ours any more (save() said so).
  void count_late(JobId job, int attempt, std::int64_t polls, std::int64_t gaps);
  /// The kept counters, counted afresh.
  void recount();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
