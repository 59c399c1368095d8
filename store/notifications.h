// What somebody is to be told of, until the daemon has told it: the table notifications.
#pragma once

#include "store/job.h"

#include <compare>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

class Database;

/// For whom a row is wanted.
struct NoticeTarget {
  std::string command; ///< program and arguments, a JSON array
  std::string app;     ///< only of this one; empty: of any
};

/// A row that waits.
struct WaitingNotice {
  std::int64_t id = 0;
  std::string event;
  std::string payload; ///< as it stands there: users can write it, too
  int attempts = 0;    ///< how often it was run
  std::optional<WallTime> first_try_at;
  std::optional<WallTime> next_try_at;
};

/// A row of the view `health`.
struct HealthRow {
  std::string subject;
  std::string message;
  auto operator<=>(const HealthRow&) const = default;
};

/// How a command failed.
struct NoticeFailure {
  std::string error;
  WallTime began;                   ///< when it was run
  std::optional<WallTime> retry_at; ///< nothing: it is given up
};

/// Single-threaded; must not outlive the Database.
class Notifications {
public:
  explicit Notifications(Database& database);
  ~Notifications();

  // --- inside of Database::write(), in the transaction of the change that it is about -----------
  /// The job has come into this state; nothing is added if its row does not say so (any more), or
  /// if it is another app's.
  void add_job(JobId job, JobState state, const NoticeTarget& target, WallTime now);
  /// Whether the table `apps` says that the app is blocked.
  bool is_blocked(const std::string& app);
  void add_blocked(const std::string& app, const std::string& reason, const NoticeTarget& target,
                   WallTime now);
  void add_health(const HealthRow& row, const NoticeTarget& target, WallTime now);
  /// From now on these count as told, messages without digits, and no others.
  void set_told(const std::vector<HealthRow>& rows);

  // --- inside of Database::read() ---------------------------------------------------------------
  std::vector<HealthRow> health();
  std::vector<HealthRow> told();
  /// The first one that waits for this command.
  std::optional<WaitingNotice> first(const std::string& command);
  /// Whether something waits for another command than these, a JSON array of the commands.
  bool has_others(const std::string& commands);

  // --- inside of Database::write() --------------------------------------------------------------
  void done(std::int64_t id, WallTime now);
  void failed(std::int64_t id, const NoticeFailure& failure, WallTime now);
  /// Gives up what waits for another command than these, a bounded number of rows.
  void give_up_others(const std::string& commands, const std::string& error, WallTime now);
  /// Deletes rows that ended a week ago, and the oldest of more than 10,000: a bounded number. How
  /// many it were; if any, there may be more.
  int prune(WallTime now);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
