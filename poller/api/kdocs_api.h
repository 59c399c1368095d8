// The service's HTTP API as pure functions: build calls, read replies. No state, no clock, no I/O.
#pragma once

#include "poller/settings.h"
#include "poller/transport.h"
#include "store/job.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kdq::kdocs_api {

/// The lines with which the service opens a log and, where the script succeeded, closes it.
inline constexpr const char* opening_line = "已开始执行";
inline constexpr const char* closing_line = "执行完毕";

/// The word for a task that has not ended.
inline constexpr std::string_view running_word = "running";

/// The longest task id that is accepted, in bytes.
inline constexpr std::size_t max_task_id_bytes = 4096;

// --- calls ---------------------------------------------------------------------------------

/// Why a job cannot be sent at all, as a sentence for jobs.error.
struct Unsendable {
  std::string sentence;
};

/// `POST …/files/{file_token}/script`. Unsendable: the script or its name is not valid UTF-8, argv
/// is no JSON object, or the file token cannot be part of a path. A byte order mark at the head of
/// the script is left out; argv goes as it is stored, digit by digit.
std::variant<HttpRequest, Unsendable> run_script(const AppSettings& app, std::string_view token,
                                                 const ClaimedJob& job);

/// `GET {status_path}`; the task id is percent-encoded once, as received.
HttpRequest task_status(const AppSettings& app, std::string_view token, const TaskId& task);

/// encodeURIComponent: everything but A–Z a–z 0–9 - _ . ! ~ * ' ( ) becomes %XX.
std::string encode_uri_component(std::string_view text);

/// A URL or a text with URLs, fit for a log: the values of access_token, app_key, refresh_token,
/// task_id and code are replaced, also where a URL stands percent-encoded inside another text.
std::string redacted(std::string_view text);

/// What is recognised as a secret. In what a script has written only the whole of it, if that is
/// not short: its head may be a word.
enum class SecretPart { head, whole };

/// The text without a known secret, be it as it is, percent-encoded (in either case, more than
/// once) or escaped in JSON. With SecretPart::head also cut off: 8 bytes are enough.
std::string without_secret(std::string text, std::string_view secret,
                           SecretPart part = SecretPart::head);

/// What a library says, without names and passwords of addresses (`//name:password@host`, also
/// where the address is malformed): what stands before the last `@` of a word.
std::string without_logins(std::string_view text);

// --- replies -------------------------------------------------------------------------------

/// What an error means for the caller; the tables are in kdocs_errors.cpp.
enum class ErrorClass {
  job_fails,      ///< the job ends failed
  unknown_if_ran, ///< submit: the script may have run; never for a poll
  retry,          ///< ask again later; on a submit only where nothing can have run
  task_gone,      ///< poll: the task is wrong or expired; fails the job after three in a row
  token,          ///< the access token is refused
  blocked,        ///< an operator must act; jobs stay
  pause,          ///< rate or quota limit: the endpoint pauses
  later,          ///< the service is busy: nothing ran, try again later
  unknown_code    ///< poll: not in the table; retried a bounded number of times
};

struct ServiceError {
  ErrorClass error_class = ErrorClass::retry;
  int http_status = 0;
  std::optional<std::int64_t> code; ///< the service's own, if the body had one
  /// For people. It may quote up to 300 bytes of the service's text, redacted() already; the
  /// caller, who knows token and task id, passes it through without_secret().
  std::string sentence;
  std::optional<std::chrono::seconds> retry_after;
};

struct Accepted {
  TaskId task;
};

using SubmitOutcome = std::variant<Accepted, ServiceError>;

/// What one status reply says.
struct StatusReport {
  std::string status;        ///< the raw word: `running`, `finish`, `finished`, or one not known
  bool ended = false;        ///< the word is one that means the end
  std::string error;         ///< ended and empty: success
  std::vector<LogLine> logs; ///< in order of arrival
  std::string result;        ///< JSON text, `null` if there was none; final only if ended
  bool left_over = false;    ///< something else in it looks like lines or a result
};

/// A reply that cannot be read whole, or not as a report: lines may be lost. Those that stand
/// complete in it were saved.
struct Damaged {
  std::string reason;
  std::vector<LogLine> logs;
};

using StatusOutcome = std::variant<StatusReport, ServiceError, Damaged>;

/// A body that can be read wins over the HTTP status. A 2xx reply without a usable task id leaves
/// it unknown whether the script ran.
SubmitOutcome read_submit(const Answered& reply);

/// As above. Whatever carries log lines keeps them: if it is no report, it is Damaged, never a
/// ServiceError.
StatusOutcome read_status(const Answered& reply);

/// The complete log entries at the head of a body that was cut off.
std::vector<LogLine> salvage(std::string_view body);

} // namespace kdq::kdocs_api
