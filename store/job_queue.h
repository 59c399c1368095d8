// The verbs that move a job through its states. Each is a short guarded change to be called inside
// of Database::write() (the looks: inside of Database::read()); it says whether it applied.
#pragma once

#include "store/job.h"
#include "store/queue_scan.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// Single-threaded; must not outlive the Database.
class JobQueue {
public:
  explicit JobQueue(Database& database);
  ~JobQueue();

  // --- looks ---------------------------------------------------------------------------------
  /// Queued jobs whose expires_at has passed, a bounded number of them.
  std::vector<JobId> expired(WallTime now);
  /// When the next run_at comes, of those that promote() has not seen.
  std::optional<WallTime> next_run();
  /// When the next expires_at comes after now.
  std::optional<WallTime> next_expiry(WallTime now);
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
  /// The queued job that has taken the place of this one, which then must not be queued again.
  std::optional<JobId> superseded_by(JobId job);
  /// The jobs in a state that only the daemon leaves: submitting and running; by id.
  std::vector<UnfinishedJob> unfinished();
  /// Only their ids, in order.
  std::vector<JobId> unfinished_ids();
  /// Whether a job that was found is still what it was found as: a user may have changed it since.
  bool still_startable(const QueueScan::Entry& entry, WallTime now);
  bool still_expired(JobId job, WallTime now);
  /// Whether the kept counters say what is there; as JobCounters::are_right(). Not for under the
  /// write lock.
  bool counts_are_right();

  // --- changes -------------------------------------------------------------------------------
  /// Takes rows out of the next scan's way; nothing is lost if they changed meanwhile.
  void set_aside(const QueueScan& scan);
  /// Puts jobs whose run_at has come into the scan; returns how many (bounded).
  int promote(WallTime now);
  /// queued → submitting. Nothing, if it is not queued any more, or not what the scan found (its
  /// row in the queue goes if there is no such job, and the counters are counted afresh). Throws
  /// StoreUnavailable if a user's trigger ignores the change.
  std::optional<ClaimedJob> claim(const QueueScan::Entry& entry, WallTime now);
  /// The next one of its file need not wait for it, although it stays in the queue.
  void bring_next_forward(JobId job);
  /// Takes a queued job out of the queue, for who then saves its row in another state; the next job
  /// of its file may come forward. Nothing if it is not queued any more. Never by way of
  /// submitting: another job with its unique_key may be running.
  std::optional<JobRow> take(JobId job);
  /// Writes `after` over `before`, with all that follows: queue, counters, who depends on it.
  /// `after.rev` must be `before.rev + 1`. False if the row is not `before` any more (state,
  /// attempt and rev): a user has cancelled or deleted it, or the file was restored; nothing is
  /// changed. An end that is not `succeeded` has a cause.
  bool save(JobId job, const JobRow& before, const JobRow& after);
  /// The same for a job that has failed on its way back to `queued`, not to be started before `at`.
  bool save_for_later(JobId job, const JobRow& before, const JobRow& after, WallTime at,
                      EndCause why);
  /// Counts what came for an attempt that is not ours any more (save() said so).
  void count_late(JobId job, int attempt, std::int64_t polls, std::int64_t gaps);
  /// The kept counters, counted afresh with the commit.
  void recount();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
