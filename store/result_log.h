// What the service handed out: the raw reply and its lines, stored by one transaction of the
// caller.
#pragma once

#include "store/job.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// How a request ended, for its row in `requests`.
struct RequestEnd {
  RequestId id;
  std::string outcome; ///< accepted, report, refused, unknown, damaged, unanswered, not_sent, lost
  int http_status = 0; ///< 0: none
  std::string body;    ///< the raw bytes, whole or cut off
};

/// Whether a reply is archived as received; what is in rows need not be.
enum class RawBody { kept, dropped };

/// Single-threaded; must not outlive the Database. To be called inside of Database::write().
class ResultLog {
public:
  explicit ResultLog(Database& database);
  ~ResultLog();

  /// Completes the request's row; false if the row is gone (the user deleted the job).
  bool answered(const RequestEnd& end, WallTime now, RawBody body = RawBody::kept);
  /// Keeps the body after all, of a request that was answered without it.
  void keep_body(const RequestEnd& end);
  /// Appends lines in their order behind those the attempt has.
  void append(JobId job, int attempt, const std::vector<LogLine>& lines, WallTime now);
  /// Appends a row that says: lines written between `from` and `to` may be missing, because …
  void gap(JobId job, int attempt, const std::string& reason, WallTime from, WallTime to,
           WallTime now);
  /// Until when the attempt's log is known to be complete: the time of its last stored report, or
  /// of its start.
  std::optional<WallTime> complete_until(JobId job, int attempt);

  /// When the attempt's start was sent, if it was accepted.
  std::optional<WallTime> started_at(JobId job, int attempt);
  /// Whether the attempt's log lacks its first or its last line of these (`closing` empty: only the
  /// first counts). A log with a gap row lacks nothing: its gap is told already.
  bool lacks_frame(JobId job, int attempt, const std::string& opening, const std::string& closing);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
