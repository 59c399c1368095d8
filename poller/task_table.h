// The tasks that the engine has in its hands: submitting and running. All else stays in the
// database.
#pragma once

#include "poller/clock.h"
#include "store/job.h"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kdq {

struct Task {
  JobId id;
  int attempt = 0;
  std::string app;
  std::string file_token;
  TaskId task;            ///< empty while submitting
  SteadyTime submitted{}; ///< when its start was sent
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds last_poll{0}; ///< age at the last status request, 0: none
  bool known_status = true;
  int failures = 0;      ///< status requests in a row that gave no report
  int gone = 0;          ///< replies in a row that the task does not exist
  int unknown_codes = 0; ///< replies in a row with a code that is not in the API

  std::chrono::milliseconds age(SteadyTime now) const { return now - submitted; }
  SteadyTime deadline() const { return submitted + timeout; }
};

/// Owns the tasks, and knows which are due and how many run on each file.
/// A running task is either due at a moment or waits for a reply.
class TaskTable {
public:
  Task& add(Task task);
  void remove(JobId id);
  Task* find(JobId id);
  std::size_t size() const { return tasks_.size(); }
  std::size_t taken_files() const { return files_.size(); }
  std::size_t on_file(const std::string& file_token) const;
  std::vector<JobId> ids() const;

  /// Plans the next status request; replaces an earlier plan.
  void set_due(JobId id, SteadyTime due);
  /// The earliest planned request of an app.
  std::optional<std::pair<SteadyTime, JobId>> next_due(const std::string& app) const;
  /// Takes a task out of the plan: its request is on its way.
  void clear_due(JobId id);

private:
  using Plan = std::set<std::pair<SteadyTime, JobId>>;
  struct Entry {
    Task task;
    std::optional<SteadyTime> due;
  };
  std::map<JobId, Entry> tasks_;
  std::unordered_map<std::string, Plan> plans_; ///< per app, ties by job id
  std::unordered_map<std::string, std::size_t> files_;
};

} // namespace kdq
