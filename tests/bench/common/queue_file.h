// The queue as its users see it: a connection of the benchmark's own, and the rows it puts in.
#pragma once

#include "tests/bench/common/mixture.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace kdq::bench {

/// What to enqueue many of.
struct Jobs {
  std::int64_t count = 0;
  Mixture mixture;          ///< by default the shortest script, each job on a file of its own
  std::int64_t marker = -1; ///< >= 0: script_name is m-<marker>, m-<marker+1>, …
  std::int64_t priority = 0;
  double first_run_at_s = -1;  ///< >= 0: run_at is this long from now, and for each further
  double run_at_step_s = 0;    ///< job this much later
  std::int64_t timeout_s = -1; ///< >= 0: the jobs' own
  std::string file;            ///< if not empty, all jobs are on this file
};

/// A user's connection: WAL, FULL sync (Debian's default), a busy timeout of 10 s.
class QueueFile {
public:
  explicit QueueFile(const std::filesystem::path& database);

  /// In one transaction for each 50,000 jobs.
  void insert(const Jobs& jobs);
  /// One INSERT that commits by itself, of a job with this marker.
  void insert_one(std::int64_t marker, const Mixture& mixture = {});

  /// The first column of the first row. The programs ask for public columns only.
  double number(const std::string& sql);
  SQLite::Database& connection() { return database_; }

private:
  SQLite::Database database_;
  SQLite::Statement insert_;
};

} // namespace kdq::bench
