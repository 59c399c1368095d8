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

/// A request whose answer was not stored: what it was.
struct OpenRequest {
  RequestId id;
  JobId job;
  int attempt = 0;
  Endpoint endpoint = Endpoint::submit;
  WallTime sent_at;
};

/// What a status reply says of a job that is still running after it, or has ended by it.
struct StatusChange {
  std::optional<JobState> end; ///< the state it ends in; nothing: still running
  std::string remote_status;   ///< the service's word; empty: leave as it is
  std::string result;          ///< JSON text, with an end
  std::string error;           ///< sentence; without an end: why it is not heard of
  int new_gaps = 0;
  int polls = 1; ///< status requests spent: none, if it was never sent
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
  /// How many jobs are queued, and how many are being started or running; kept counters.
  std::size_t queued();
  std::size_t busy();
  /// How many of an app's jobs may be started before `until`, looking at no more than `at_most`.
  std::int64_t waiting(const std::string& app, WallTime until, std::int64_t at_most);
  ScriptIdentity identity(JobId job);
  /// The running tasks with all that is needed to go on with them.
  std::vector<RunningTask> running();
  /// Ids of the jobs in a state that only the daemon leaves: submitting and running.
  std::vector<JobId> held();
  std::vector<OpenRequest> open_requests();

  // --- changes -------------------------------------------------------------------------------
  /// Takes rows out of the next scan's way; nothing is lost if they changed meanwhile.
  void set_aside(const QueueScan& scan);
  /// Puts jobs whose run_at has come into the scan; returns how many (bounded).
  int promote(WallTime now);

  /// Whether a job that was found is still what it was found as: a user may have changed it since.
  bool still_startable(const QueueScan::Entry& entry, WallTime now);
  bool still_expired(JobId job, WallTime now);
  /// queued → submitting. Nothing, if it is not queued any more, or not what the scan found. Throws
  /// StoreUnavailable if a user's trigger ignores the change.
  std::optional<ClaimedJob> begin_submit(const QueueScan::Entry& entry, WallTime now);
  std::optional<ClaimedJob> begin_submit(JobId job);
  /// The intent row of a start; to be durable before the request is sent.
  RequestId add_start(JobId job, int attempt, WallTime now);
  /// The intent row of a status request; nothing if the job is not running any more.
  std::optional<RequestId> begin_poll(JobId job, int attempt, WallTime now);

  /// submitting → running.
  bool submitted(JobId job, int attempt, const TaskId& task, WallTime submitted_at);
  /// submitting → queued with the attempt taken back: nothing was spent. `error`: why, for people.
  bool put_back(JobId job, int attempt, const std::string& error);
  /// Jobs in submitting of which no request is open, because its row was deleted or the state was
  /// written by hand: not_confirmed(). Returns how many.
  int confirm_none(WallTime now);
  /// After INSERT OR REPLACE, which fires no DELETE trigger: takes a row without a queued job out
  /// of the queue.
  void drop_orphan(JobId job);
  /// Whether the kept counters say what is there. Takes 50 ms with a million queued jobs: not for
  /// under the write lock.
  bool counts_are_right();
  /// The kept counters, counted afresh.
  void recount();
  /// submitting → what the job's on_unconfirmed says: unconfirmed, queued or failed. Returns it, or
  /// nothing if the job is not submitting any more.
  std::optional<JobState> not_confirmed(JobId job, int attempt, const std::string& reason,
                                        WallTime now);
  /// submitting → failed or timed_out.
  bool submit_ended(JobId job, int attempt, JobState end, const std::string& error, WallTime now);
  /// failed → queued, not to be started before `at`, if the job's max_attempts allows one more.
  bool try_again(JobId job, int attempt, WallTime at);
  /// running → running or its end. Counts the polls of a cancelled job, too.
  bool status_seen(JobId job, int attempt, const StatusChange& change, WallTime now);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
