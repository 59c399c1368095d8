// What was learnt about how long scripts run, as rows: a restart goes on with it, and deleting rows
// only forgets.
#pragma once

#include "store/timestamp.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// One run as it was seen: it ended after `low` (the last poll that found it running) and not after
/// `high` (the poll that found it ended). `exact` is what the log's closing line says, if credible.
struct RunTime {
  std::chrono::milliseconds low{0};
  std::chrono::milliseconds high{0};
  std::optional<std::chrono::milliseconds> exact;
};

/// A learnt run as it is stored: replayed in the order of `seq` it rebuilds the schedule's state.
/// A run with a family gives two rows of one `seq`. Of each key the first three rows and the last
/// 400 suffice; with fewer the schedule only has forgotten.
struct RunRow {
  std::string key;
  std::int64_t seq = 0;
  WallTime submitted_at;
  RunTime run;
};

/// Starts of an app in the half minute that begins at `at`.
struct StartCount {
  WallTime at;
  std::int64_t starts = 0;
};

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
