// The log lines that the service handed out, in order of arrival.
#pragma once

#include "store/job.h"

#include <memory>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// Why lines may be missing, and between which times they were written.
struct LogGap {
  std::string reason;
  WallTime from;
  WallTime to;
};

/// Single-threaded; must not outlive the Database.
class ResultLog {
public:
  explicit ResultLog(Database& database);
  ~ResultLog();

  // --- inside of Database::write() ------------------------------------------------------------
  /// Appends lines in their order behind those the attempt has.
  void append(JobId job, int attempt, const std::vector<LogLine>& lines, WallTime now);
  /// Appends a row that says: lines may be missing, because …
  void gap(JobId job, int attempt, const LogGap& gap, WallTime now);

  // --- inside of Database::read() or write() ----------------------------------------------------
  /// Whether the attempt's log lacks its first or its last line of these (`closing` empty: only the
  /// first counts). A log with a gap row lacks nothing: its gap is told already.
  bool lacks_frame(JobId job, int attempt, const std::string& opening, const std::string& closing);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
