// What every benchmark needs around the daemon: a folder, the fast service, a configuration.
#pragma once

#include "tests/bench/common/process.h"
#include "tests/bench/common/service.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kdq::bench {

struct DaemonOptions {
  std::filesystem::path program;
  std::size_t max_running = 100;
  std::size_t max_running_per_file = 1;
  std::int64_t submit_quota = 1'000'000'000;
  std::int64_t status_quota = 1'000'000'000;
  double requests_per_second = 0;         ///< 0: no limit
  std::string log_level = "info";         ///< the product's default
  std::vector<std::string> environment{}; ///< of the daemon, but not of `init`; see Process
};

/// A folder with a database that the real program created.
class Stage {
public:
  Stage(const std::filesystem::path& parent, DaemonOptions options);

  const DaemonOptions& options() const { return options_; }
  std::filesystem::path folder() const { return folder_.path(); }
  std::filesystem::path database() const { return folder_.path() / "queue.db"; }
  std::filesystem::path log() const { return folder_.path() / "daemon.log"; }
  std::string last_words() const; ///< the end of the log

private:
  DaemonOptions options_;
  WorkFolder folder_;
};

/// The real program at work on a stage, which outlives it.
class Daemon {
public:
  /// Returns when it says that it is ready, or throws std::runtime_error with its last words.
  Daemon(const Stage& stage, const DaemonOptions& options, const std::string& base_url);
  /// With the stage's options.
  Daemon(const Stage& stage, const std::string& base_url);

  Usage usage() const { return process_->usage(); }
  /// From the start of the program to its word that it is ready.
  std::chrono::nanoseconds start_time() const { return start_time_; }
  /// Throws std::runtime_error if it did not end with 0.
  EndedProcess stop();

private:
  const Stage& stage_;
  std::chrono::nanoseconds start_time_{0};
  std::unique_ptr<Process> process_;
};

/// Now, on CLOCK_MONOTONIC, as fast_kdocs records it.
std::int64_t monotonic_ns();

/// Asks every `pause` until it is so; throws std::runtime_error with `what` after `patience`.
void wait_for(const std::string& what, const std::function<bool()>& condition,
              std::chrono::milliseconds pause = std::chrono::milliseconds(10),
              std::chrono::seconds patience = std::chrono::seconds(600));

} // namespace kdq::bench
