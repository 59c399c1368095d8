// Runs scripts in engine processes, one process and one supervising thread each.
#pragma once

#include "tests/sandbox/stop_event.h"

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

namespace kdq::sandbox {

struct ScriptJob {
  std::string script;
  std::string file_name; ///< the script's name as its errors and log lines show it
  nlohmann::json argv;   ///< an object
};

struct ScriptLimits {
  std::chrono::milliseconds run_time{300'000};
  std::size_t memory_bytes = 64U << 20U; ///< of the script's heap; an engine needs about 200 KiB
  std::size_t output_bytes = 64U << 20U; ///< of all log lines of one script
};

struct ScriptEnd {
  std::string error;     ///< empty: success
  int error_line = 0;    ///< 0: the script's own line is not known
  nlohmann::json result; ///< `"[Undefined]"` when there is none
};

/// What happens in one script, told by its supervising thread, one call at a time.
class ScriptEvents {
public:
  virtual ~ScriptEvents() = default;
  virtual void logged(const std::string& level, int line, nlohmann::json args) = 0;
  /// Both throw std::invalid_argument with a sentence for the script if there is no such cell.
  virtual nlohmann::json read_cell(const std::string& address) = 0;
  virtual void write_cell(const std::string& address, nlohmann::json value) = 0;
  /// The last call. Not made for scripts that a stop cuts short.
  virtual void ended(ScriptEnd end) = 0;
};

/// Owns the engine processes: none outlives it. Thread-safe.
class ScriptRunner {
public:
  /// `engine_path`: the program kdocs-sandbox-engine.
  ScriptRunner(std::string engine_path, ScriptLimits limits);
  ~ScriptRunner();
  ScriptRunner(const ScriptRunner&) = delete;
  ScriptRunner& operator=(const ScriptRunner&) = delete;

  /// Returns at once. A script whose engine cannot be started ends with an error that says why;
  /// throws std::system_error if there is not even a thread.
  void start(ScriptJob job, std::unique_ptr<ScriptEvents> events);
  /// Kills what runs and waits for it.
  void stop();

private:
  struct Supervisor;
  void supervise(const ScriptJob& job, ScriptEvents& events) const;
  void join_finished();

  const std::string engine_path_;
  const ScriptLimits limits_;
  StopEvent stop_;
  std::mutex mutex_; // guards supervisors_
  std::list<Supervisor> supervisors_;
};

} // namespace kdq::sandbox
