// The service's HTTP API as pure functions: build calls, read replies. No state, no clock, no I/O.
#pragma once

#include "poller/settings.h"
#include "poller/transport.h"
#include "store/job.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
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

/// A service that says how long to wait is believed up to here, and not for ever.
inline constexpr std::chrono::seconds longest_retry_after = std::chrono::days(366);

/// The longest task id that is accepted, in bytes.
inline constexpr std::size_t max_task_id_bytes = 4096;

// --- calls ---------------------------------------------------------------------------------

/// A path of the app's service, which begins with a slash; those at the end of base_url do not
/// double.
std::string service_address(const AppSettings& app, std::string_view path);

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

/// Complete entries that stand one behind the other in the body of a reply.
struct LogEntries {
  std::size_t at = 0;   ///< where the next one is, in bytes of the body
  std::size_t left = 0; ///< how many there are from there on

  bool empty() const { return left == 0; }
};

/// Of how much of a body a piece is made, at most; one entry in any case.
struct PieceLimit {
  std::size_t entries = std::numeric_limits<std::size_t>::max();
  std::size_t bytes = std::numeric_limits<std::size_t>::max();
};

/// Lines of a reply, in order.
struct LogPiece {
  std::vector<LogLine> lines;
  std::size_t entries = 0; ///< of which they were made
  /// How many of these have something that is in no line: an entry that is no JSON has no line at
  /// all; bytes that are no UTF-8 are U+FFFD in its line; a key that stands twice counts once.
  std::size_t unread = 0;
};

/// Reads the next entries, and `entries` is what is left of them. `body` is the one in which they
/// were found.
LogPiece read_lines(std::string_view body, LogEntries& entries, const PieceLimit& limit = {});

/// How far a script is, as it says in its log.
struct ScriptProgress {
  int percent = 0;  ///< from 0 to 100
  std::string text; ///< at most 200 bytes, with an ellipsis behind them if something is left out
};

/// What the message of a log line says that is `##progress 40 some words` (or `40%`, or no words).
/// A fraction is cut, what is below 0 or above 100 is taken for these. Nothing: a plain line.
std::optional<ScriptProgress> progress_of(std::string_view message);

/// What one status reply says. Its entries are to be read with read_lines().
struct StatusReport {
  std::string status; ///< the raw word: `running`, `finish`, `finished`, or one not known
  bool ended = false; ///< the word is one that means the end
  std::string error;  ///< ended and empty: success
  LogEntries logs;    ///< in order of arrival
  /// JSON text, `null` if there was none, empty if it cannot be read; final only if ended.
  std::string result;
  bool left_over = false; ///< something else in it looks like lines or a result
  bool unread = false;    ///< a part of it cannot be read, or not exactly; log entries aside
};

/// A reply that cannot be read whole, or not as a report: lines may be lost. Those that stand
/// complete in it are to be saved.
struct Damaged {
  std::string reason;
  LogEntries logs;
  std::optional<StatusReport> end; ///< what it says before the damage, if that is an end
};

using StatusOutcome = std::variant<StatusReport, ServiceError, Damaged>;

/// A body that can be read wins over the HTTP status. A 2xx reply without a usable task id leaves
/// it unknown whether the script ran.
SubmitOutcome read_submit(const Answered& reply);

/// As above. Each part is read by itself: what is no JSON in one, or has no character for its
/// bytes, spoils no other. Whatever carries log lines keeps them: if it is no report, it is
/// Damaged, never a ServiceError.
StatusOutcome read_status(const Answered& reply);

/// What stands at the head of a body that was cut off.
struct Salvaged {
  LogEntries logs;                 ///< the complete ones
  std::optional<StatusReport> end; ///< as in Damaged
};
Salvaged salvage(std::string_view body, int http_status);

} // namespace kdq::kdocs_api
