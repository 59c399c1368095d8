// The queue as its users see it: a connection of the benchmark's own, and the rows it puts in.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace kdq::bench {

/// What to enqueue many of; each job is on a file of its own.
struct Jobs {
  std::int64_t count = 0;
  std::size_t script_bytes = 60; ///< at least the length of the shortest script
  std::int64_t marker = -1;      ///< >= 0: script_name is m-<marker>, m-<marker+1>, …
  std::int64_t priority = 0;
  double first_run_at_s = -1; ///< >= 0: run_at is this long from now, and for each further
  double run_at_step_s = 0;   ///< job this much later
  std::string file;           ///< if not empty, all jobs are on this file
};

/// A user's connection: WAL, FULL sync (Debian's default), a busy timeout of 10 s.
class QueueFile {
public:
  explicit QueueFile(const std::filesystem::path& database);

  /// In one transaction for each 50,000 jobs.
  void insert(const Jobs& jobs);
  /// One INSERT that commits by itself, of a job with this marker.
  void insert_one(std::int64_t marker);

  /// Jobs that wait, and jobs that have ended (where none was deleted): from kept counters.
  std::int64_t queued() { return look(queued_); }
  std::int64_t ended() { return look(ended_); }
  /// Requests whose intent was written so far.
  std::int64_t requests() { return look(requests_); }
  double number(const std::string& sql);
  SQLite::Database& connection() { return database_; }

private:
  static std::int64_t look(SQLite::Statement& query);

  SQLite::Database database_;
  SQLite::Statement insert_;
  SQLite::Statement queued_;
  SQLite::Statement ended_;
  SQLite::Statement requests_;
};

} // namespace kdq::bench
