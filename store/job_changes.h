// What a person changes in a queue that is there: states of jobs, one or many at once, pauses, and
// a job of a schedule now. By the same SQL as everybody.
#pragma once

#include "store/job.h"
#include "store/job_refused.h"
#include "store/reader.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace kdq {

/// Which jobs, as a person would write it behind WHERE.
struct JobSelection {
  std::string condition;    ///< on columns of `jobs`
  std::vector<Value> bound; ///< its ?1, ?2, …
};

/// What became of many jobs.
struct ManyChanged {
  std::int64_t changed = 0;
  std::int64_t refused = 0;
  std::string refusal;               ///< the database's own sentence about the first of these
  std::string trouble;               ///< what has ended the call before its time; empty: nothing
  std::optional<std::int64_t> below; ///< jobs with ids up to this one were not looked at
};

/// A connection as JobClient's. Single-threaded. All of them throw StoreUnavailable, StoreBroken or
/// StoreIncomplete (store/database.h).
class JobChanges {
public:
  /// The file must be there.
  explicit JobChanges(const std::filesystem::path& file);
  ~JobChanges();
  JobChanges(const JobChanges&) = delete;
  JobChanges& operator=(const JobChanges&) = delete;

  /// False: there is no such job. Throws JobRefused.
  bool set_state(JobId job, JobState state);

  /// The same for the jobs of a selection, from the id `up_to` downwards, in transactions of at
  /// most 500 jobs, each looked at again in the transaction that changes it. A call takes `most`
  /// jobs, or ten thousand, or looks at a million. What the database refuses does not keep the
  /// others. What goes wrong once some were changed is told as `trouble`, else thrown (JobRefused,
  /// too).
  ManyChanged set_state(const JobSelection& jobs, JobState state, std::int64_t up_to,
                        std::int64_t most = jobs_per_call);
  static constexpr std::int64_t jobs_per_call = 10'000;

  /// Stops new starts: of `all`, of an `app` or on a `file`, as in the table pauses. An empty
  /// reason is none. Throws JobRefused.
  void pause(const std::string& scope, const std::string& key, const std::string& reason);
  /// False: there is no such pause.
  bool resume(const std::string& scope, const std::string& key);

  /// Enqueues a job of the schedule, beside those of its times. Nothing: there is no such schedule.
  /// Throws JobRefused.
  std::optional<JobId> run_schedule(const std::string& name);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
