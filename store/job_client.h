// What a person does with a queue, by the same SQL as everybody: enqueue a job, follow it, cancel
// it.
#pragma once

#include "store/job.h"
#include "store/job_refused.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

/// What an INSERT into `jobs` says; what is not given has the table's default.
struct NewJob {
  std::string file_token;
  std::string script;
  std::optional<std::string> app;
  std::optional<std::string> argv; ///< a JSON object
  std::optional<std::string> name; ///< jobs.script_name
  std::optional<std::int64_t> timeout_s;
};

/// A row of `logs`, as far as it is for people.
struct StoredLine {
  int attempt = 0;
  std::int64_t seq = 0;
  std::string level;
  std::string filename;
  std::string timestamp;
  std::string message;
  std::string fetched_at;
};

/// Up to which line a log was read.
struct LogPlace {
  int attempt = 0;
  std::int64_t seq = 0;
};

/// A job's row, and what the views say about it.
struct FollowedJob {
  JobState state = JobState::queued;
  int attempt = 0;
  std::int64_t log_gaps = 0;
  std::string error;
  std::optional<std::string> result; ///< JSON; only with the last lines of a job that has ended
  std::optional<WallTime> submitted_at;
  std::optional<WallTime> finished_at;
  std::string waits_for;      ///< view `waiting`; empty: it does not wait
  std::string daemon_trouble; ///< view `health`: why nobody works on it; empty: somebody does
};

/// One state of the database.
struct JobLook {
  std::optional<FollowedJob> job; ///< nothing: there is no such job
  std::vector<StoredLine> lines;  ///< the next ones, about 1 MiB of them at most
  bool has_more = false;          ///< there are more behind them
};

/// A user's connection: it makes no checkpoint, sets nothing in the file, and no transaction of it
/// outlives a call. A call waits five seconds for another program's lock at most. Single-threaded.
/// All of them throw StoreUnavailable, StoreBroken or StoreIncomplete (store/database.h).
class JobClient {
public:
  /// The file must be there.
  explicit JobClient(const std::filesystem::path& file);
  ~JobClient();
  JobClient(const JobClient&) = delete;
  JobClient& operator=(const JobClient&) = delete;

  /// What a script may have at most, together with its argv.
  std::int64_t max_script_bytes();

  /// Enqueues the job, and watches it (see watch()), both or nothing. Throws JobRefused.
  JobId enqueue(const NewJob& job);

  /// How often the job was started; nothing: there is no such job.
  std::optional<int> attempt(JobId job);

  /// The job, and the lines of its log behind `after`.
  JobLook look(JobId job, LogPlace after);

  /// Whether another connection has committed since the last call; true the first time.
  bool changed();

  /// Has KDocs asked for the job more often, for ten minutes from now; writes only if that would
  /// end within five. Throws JobRefused.
  void watch(JobId job);

  /// False: the job has ended by itself, or is gone. Throws JobRefused.
  bool cancel(JobId job);

  /// Whether the file's name leads to another file by now: what is written to that is not seen.
  bool was_replaced() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
