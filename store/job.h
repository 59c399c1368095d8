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

/// The two calls of the service, each with a daily quota of its own.
enum class Endpoint { submit, status };
std::string_view to_text(Endpoint endpoint);

/// What the daemon needs to start a job; `script` is as the user stored it, so it may be no valid
/// UTF-8.
struct ClaimedJob {
  JobId id;
  int attempt = 0; ///< of this start, from 1
  std::string app;
  std::string file_token;
  std::string script;
  std::string script_name;                     ///< empty: none
  std::string argv;                            ///< JSON object as text; empty: none
  std::optional<std::chrono::seconds> timeout; ///< jobs.timeout_s
};

/// By what a job's run time is looked up.
struct ScriptIdentity {
  std::string digest; ///< of the script's text, store/script_digest.h
  std::string file_token;
  std::string name; ///< script_name; empty: none
};

/// A task of the service that has not been seen to end.
struct RunningTask {
  JobId id;
  int attempt = 0;
  std::string app;
  ScriptIdentity script;
  TaskId task;
  WallTime submitted_at;
  std::optional<WallTime> last_poll_at; ///< when the newest status request of this attempt was sent
  std::optional<std::chrono::seconds> timeout; ///< jobs.timeout_s
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
