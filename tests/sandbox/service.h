// The service without its HTTP: tasks, destructive logs, token and quotas.
#pragma once

#include "tests/sandbox/api_error.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/oauth.h"
#include "tests/sandbox/script_runner.h"
#include "tests/sandbox/sheet.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

namespace kdq::sandbox {

struct ServiceSettings {
  std::string token = "sandbox-token";
  std::int64_t submit_quota = 500;      ///< of a test app, a day
  std::int64_t status_quota = 10000;    ///< of a test app, a day
  std::size_t max_running = 256;        ///< scripts at a time; beyond: TooManyTask
  std::chrono::seconds task_ttl{86400}; ///< how long an ended task can be asked for
  bool unix_time_in_ms = false;         ///< log lines carry milliseconds, as the sibling call's do
};

struct StatusReport {
  bool ended = false;
  std::string error;
  nlohmann::json logs; ///< the lines that no earlier report had
  nlohmann::json result;
};

/// Thread-safe. Everything passed in must outlive it; its end stops the runner, which reports to
/// it.
class Service {
public:
  Service(ServiceSettings settings, ScriptRunner& runner, Sheets& sheets, Ledger& ledger,
          Oauth& oauth);
  ~Service();

  /// Token and quota, in this order; a request that is admitted counts against the quota. Accepts
  /// the token of the settings or the admin, and those of `oauth`. Like all that takes an endpoint
  /// here it is about submit and status.
  std::optional<ApiError> admit(Endpoint endpoint, const std::string& token);
  /// Starts the script; the task id, or why not.
  std::variant<std::string, ApiError> submit(RequestNumber request, SubmitOrder order);
  /// `task`: decoded once. Takes away the lines it returns.
  std::variant<StatusReport, ApiError> status(RequestNumber request, const std::string& task);

  // --- admin ---
  void accept_token(std::string token);
  void set_quota(Endpoint endpoint, std::int64_t a_day);
  void begin_quota_day();
  nlohmann::json quota() const;
  /// Every task with every line it produced; a line names the request that took it, or null.
  nlohmann::json tasks() const;

private:
  struct Task;
  class TaskEvents;
  struct Quota {
    std::int64_t a_day = 0;
    std::int64_t used = 0;
  };
  void add_line(Task& task, const std::string& level, const std::string& filename,
                nlohmann::json args);
  void end_task(Task& task, ScriptEnd end);
  std::string new_task_id();
  bool is_wrongly_encoded(const std::string& task) const;

  const ServiceSettings settings_;
  ScriptRunner& runner_;
  Sheets& sheets_;
  Ledger& ledger_;
  Oauth& oauth_;
  mutable std::mutex mutex_; // guards what follows and every Task
  std::string token_;
  Quota submit_quota_;
  Quota status_quota_;
  std::mt19937_64 random_;
  std::size_t running_ = 0;
  std::map<std::string, std::shared_ptr<Task>> tasks_; ///< by id, as handed out
};

} // namespace kdq::sandbox
