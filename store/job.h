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

/// jobs.state; the picture of the allowed changes is in store/schema/tables.sql.
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

/// jobs.cause. Whoever ends a job says one of these; what each of them means for a person stands at
/// the view dead_letters, too.
enum class EndCause {
  // failed
  script,      ///< the script failed
  refused,     ///< KDocs refuses it: the file, the permission or the script
  invalid,     ///< it cannot be sent: script or argv is no UTF-8, or too long
  input,       ///< with the results that it gets (pass_as) it is too long
  app,         ///< its app is not configured
  unconfirmed, ///< the reply to its start was lost, and on_unconfirmed is fail
  lost,        ///< KDocs does not know the running script any more
  // timed_out
  timeout, ///< it still ran after timeout_s
  silent,  ///< KDocs did not say after timeout_s whether it still ran
  expired, ///< expires_at passed before it could be started
  // cancelled
  dependency, ///< what it needs has ended otherwise
  superseded, ///< a newer job has taken its place; failed, if its script had failed before
  user        ///< a user has ended it
};
inline constexpr EndCause last_end_cause = EndCause::user;

std::string_view to_text(EndCause cause);
/// Nothing, if the word is none of them.
std::optional<EndCause> end_cause(std::string_view text);

/// The state in which a job ends for this reason.
JobState end_state(EndCause cause);

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
  std::optional<int> progress; ///< percent
  std::string progress_text;
  std::optional<EndCause> cause; ///< of an end that is not succeeded
  std::optional<WallTime> submitted_at;
  std::optional<WallTime> reported_at;
  std::optional<WallTime> finished_at;
  std::int64_t rev = 0; ///< counted up by each change of the daemon, and by nobody else
  /// jobs.batch_id, app and schedule, which only users write: in whose counters it is, and who is
  /// told what becomes of it.
  std::optional<std::int64_t> batch;
  std::string app;
  std::string schedule; ///< empty: none
};

/// What the daemon needs to start a job; `script` is as the user stored it, so it may be no valid
/// UTF-8.
struct ClaimedJob {
  JobId id;
  std::string app;
  std::string job_class; ///< empty: none
  std::string file_token;
  std::string script;
  std::string script_name;                     ///< empty: none
  std::string argv;                            ///< JSON object as text; empty: none
  bool has_inputs = false;                     ///< pass_as: argv is to be completed (JobInputs)
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
  std::string job_class; ///< empty: none
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
