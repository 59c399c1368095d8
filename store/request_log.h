// The journal of intents (in_flight), and what became of requests (requests).
#pragma once

#include "store/job.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// What became of a request; the column requests.outcome.
enum class RequestOutcome {
  accepted,   ///< the script was started
  report,     ///< a status report
  refused,    ///< the service said no
  unknown,    ///< the service said that it does not know whether the script ran
  damaged,    ///< a reply that could not be read whole
  unanswered, ///< no complete reply
  not_sent,   ///< no byte left
  lost        ///< the daemon stopped before the reply was stored
};
std::string_view to_text(RequestOutcome outcome);

/// A row of requests: one that a person may want to look at again.
struct RequestRecord {
  Intent intent;
  WallTime answered_at;
  int http_status = 0; ///< 0: none
  RequestOutcome outcome = RequestOutcome::report;
  std::string body; ///< raw bytes, whole or cut off; empty: none are kept
};

/// A request without a stored answer, and what it may have taken of its task's log.
struct OpenRequest {
  Intent intent;
  WallTime log_begins;            ///< when the attempt was started, as far as the tables tell
  WallTime log_complete_until;    ///< what was written until then is stored
  std::size_t entries_stored = 0; ///< log entries of its reply that are in the log already
};

/// Single-threaded; must not outlive the Database.
class RequestLog {
public:
  explicit RequestLog(Database& database);
  ~RequestLog();

  // --- inside of Database::write() ------------------------------------------------------------
  /// Writes the intent; it is to be durable before the request is sent. Throws StoreUnavailable if
  /// a user's trigger ignores the row.
  void begin(const Intent& intent);
  /// The answer is stored in this transaction (the job's row first: a guard refuses to delete the
  /// intent of an unchanged job). False if this very intent is not there: the user deleted the job,
  /// or the file was restored.
  bool end(const Intent& intent);
  /// So many more log entries of the answer are stored in this transaction, and others are to come.
  /// False as for end(); then nothing is noted.
  bool advance(const Intent& intent, std::size_t entries);
  void record(const RequestRecord& record);

  // --- inside of Database::read() -------------------------------------------------------------
  /// The requests that have no stored answer, in order of sending.
  std::vector<OpenRequest> in_flight();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
