// Plain values that the store hands out and takes: no behaviour, no SQL.
#pragma once

#include "store/base/ids.h"
#include "store/base/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace kdq {

/// jobs.state; the picture of the allowed changes is in store/schema.sql.
enum class JobState {
  queued,
  submitting,
  running,
  unconfirmed,
  succeeded,
  failed,
  timed_out,
  cancelled
};
std::string_view to_text(JobState state);
/// Nothing, if the word is no state.
std::optional<JobState> job_state(std::string_view text);

/// The two calls of the service, each with a daily quota of its own.
enum class Endpoint { submit, status };
std::string_view to_text(Endpoint endpoint);
/// Nothing, if the word is none of them.
std::optional<Endpoint> endpoint_of(std::string_view text);

/// The columns of a job that the daemon writes, as they stand in its row. Empty texts are NULL.
/// The daemon has the value in memory and writes it whole (store/job_queue.h), so that it can say
/// beforehand how long the row will be.
struct JobRow {
  JobState state = JobState::queued;
  int attempt = 0;
  std::string task_id;
  std::string remote_status;
  std::string result; ///< JSON text
  std::string error;
  std::int64_t polls = 0;
  std::int64_t log_gaps = 0;
  std::optional<WallTime> submitted_at;
  std::optional<WallTime> reported_at;
  std::optional<WallTime> finished_at;
  std::int64_t rev = 0; ///< counted up by each change of the daemon, and by nobody else
};

/// What the daemon needs to start a job; `script` is as the user stored it, so it may be no valid
/// UTF-8.
struct ClaimedJob {
  JobId id;
  std::string app;
  std::string file_token;
  std::string script;
  std::string script_name;                     ///< empty: none
  std::string argv;                            ///< JSON object as text; empty: none
  std::optional<std::chrono::seconds> timeout; ///< jobs.timeout_s
  JobRow row;                                  ///< as the claim has left it
};

/// By what a job's run time is looked up.
struct ScriptIdentity {
  std::string digest; ///< of the script's text, store/script_digest.h
  std::string file_token;
  std::string name; ///< script_name; empty: none
};

/// A job that is being started or runs, as its row has it.
struct UnfinishedJob {
  JobId id;
  std::string app;
  ScriptIdentity script;
  std::optional<std::chrono::seconds> timeout; ///< jobs.timeout_s
  JobRow row;
};

/// What the user wants if a start is not confirmed.
enum class OnUnconfirmed { hold, retry, fail };

/// What a job's columns say about another start of it.
struct RetryPolicy {
  OnUnconfirmed on_unconfirmed = OnUnconfirmed::hold;
  std::int64_t unconfirmed_starts = 0; ///< so many of its starts had no answer before
  std::int64_t max_attempts = 1;
  std::optional<WallTime> expires_at;
};

/// One request to the service from its intent on: at most one of a job's attempt is on its way.
struct Intent {
  JobId job;
  int attempt = 0;
  Endpoint endpoint = Endpoint::submit;
  WallTime sent_at;
  std::int64_t rev = 0; ///< of the job's row when it was written
  bool operator==(const Intent&) const = default;
};

/// One line as the service handed it out; `unix_time` and `timestamp` as received.
struct LogLine {
  std::string level;
  std::string filename;
  std::variant<std::monostate, std::int64_t, double> unix_time;
  std::string timestamp;
  std::string args;    ///< JSON array as text
  std::string message; ///< args as plain text
};

} // namespace kdq
