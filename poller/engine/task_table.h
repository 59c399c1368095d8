// The tasks that the engine has in its hands: submitting and running. All else stays in the
// database.
#pragma once

#include "store/job.h"

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace kdq {

/// Status requests in a row that gave no report.
struct PollFailures {
  int all = 0;
  int gone = 0;            ///< the newest of them: that the task does not exist
  SteadyTime gone_since{}; ///< the first of these
  int unknown_codes = 0;   ///< the newest of them: a code that is not in the API
  int ends = 0;            ///< the newest of them: damaged behind the word that it has ended
  std::string end_error;   ///< what these say as the script's error
};

struct Task {
  JobId id;
  std::string app;
  std::string job_class; ///< empty: none
  ScriptIdentity script;
  JobRow row;             ///< as it stands in the database
  SteadyTime submitted{}; ///< when its start was sent
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds last_poll{0}; ///< age at the last status request, 0: none
  SteadyTime heard{}; ///< when the last report of it came, as far as this run goes
  PollFailures failures;

  std::chrono::milliseconds age(SteadyTime now) const { return now - submitted; }
  SteadyTime deadline() const { return submitted + timeout; }
};

/// Owns the tasks, and knows how many are on each file, of each app and of each class.
class TaskTable {
public:
  Task& add(Task task);
  void remove(JobId id);
  void clear();
  Task* find(JobId id);
  const Task* find(JobId id) const;
  std::size_t size() const { return tasks_.size(); }
  std::size_t taken_files() const { return files_.size(); }
  std::size_t on_file(const std::string& file_token) const;
  std::size_t of_app(const std::string& app) const;
  /// Of a class that has a name.
  std::size_t of_class(const std::string& app, const std::string& job_class) const;
  std::vector<JobId> ids() const;

private:
  using Counts = std::unordered_map<std::string, std::size_t>;
  static std::string class_key(const std::string& app, const std::string& job_class);

  std::map<JobId, Task> tasks_;
  Counts files_;
  Counts apps_;
  Counts classes_; ///< by class_key()
};

} // namespace kdq
