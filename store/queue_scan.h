// Finds queued jobs that may be started: the classes of an app that have some, and the jobs of one.
#pragma once

#include "store/job.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace kdq {

class Database;

/// So many rows of the queue are moved to another lane by one transaction, at most.
inline constexpr std::size_t max_moved_rows = 100;

/// Where a scan of the queue found jobs to start, and rows that stand in the way of the next scan.
struct QueueScan {
  struct Entry {
    JobId id;
    std::string app;
    std::string file_token;
    std::int64_t priority = 0;
    std::string due;            ///< text of the time, as ordered by the scan
    std::string job_class = {}; ///< empty: none
    std::int64_t weight = 1;    ///< of its class
    bool scheduled = false;     ///< it has a schedule
    auto order() const { return std::tie(priority, due, id); }
  };
  std::vector<Entry> startable; ///< in claim order: priority, run_at, id
  std::vector<JobId> behind;    ///< their file is taken by an earlier job: to be parked
  std::vector<JobId> early;     ///< run_at has not come
};

/// A class of jobs of an app, with what its row in `classes` says; the defaults: it has none.
struct JobClass {
  std::string name; ///< empty: the jobs without class
  std::int64_t weight = 1;
  std::optional<std::int64_t> max_running;
  std::optional<std::int64_t> starts_per_day;
};

/// All inside of Database::read() or write(). Single-threaded; must not outlive the Database.
class QueueScanner {
public:
  explicit QueueScanner(Database& database);
  ~QueueScanner();

  /// Names of the apps that queued jobs are for.
  std::vector<std::string> queued_apps();
  /// The classes of an app that have jobs to be looked at; no more than `at_most`, from the name
  /// `from` on, and then from the first one on: each costs a look into an index.
  std::vector<JobClass> queued_classes(const std::string& app, const std::string& from,
                                       std::size_t at_most);
  /// What `classes` says of one that has a name.
  JobClass job_class(const std::string& app, const std::string& name);

  /// What is looked at by a scan.
  struct Part {
    std::string app;
    JobClass of = {};
    bool scheduled_only = false;               ///< only jobs that have a schedule
    const std::set<JobId>* left_out = nullptr; ///< jobs that are passed over; null: none
  };
  /// Scans ready jobs in claim order. `slots(file)`: how many more jobs of a file may be started;
  /// `taken_files`: how many files may have none, each of which costs the scan a row or two. Ends
  /// after `limit` startable jobs or a bounded number of rows to be set aside.
  QueueScan scan(const Part& part, WallTime now, std::size_t limit, std::size_t taken_files,
                 const std::function<std::size_t(const std::string&)>& slots);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
