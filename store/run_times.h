// What was learnt about how long scripts run, as rows: a restart goes on with it, and deleting rows
// only forgets.
#pragma once

#include "store/run_time.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// Single-threaded; must not outlive the Database.
class RunTimes {
public:
  explicit RunTimes(Database& database);
  ~RunTimes();

  /// An app's rows in the order of `seq`. Inside of Database::read().
  std::vector<RunRow> load(const std::string& app);

  /// The starts of the last days, in order of time. Inside of Database::read().
  std::vector<StartCount> starts(const std::string& app);

  /// So many scripts were started in the half minute of `at`. Inside of Database::write(). Forgets
  /// what is older than three days.
  void count_starts(const std::string& app, WallTime at, std::int64_t starts);
  /// When the half minute of `at` began.
  static WallTime half_minute(WallTime at);
  /// Inside of Database::write(). Now and then removes the rows of a key that no longer count.
  void add(const std::string& app, const RunRow& row);
  void forget(const std::string& app, const std::string& key);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
