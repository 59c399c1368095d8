// What every benchmark needs around the daemon: a folder, the fast service, a configuration.
#pragma once

#include "tests/bench/common/process.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kdq::bench {

struct ServiceOptions {
  std::int64_t polls = 1;                ///< a task ends at this poll at the earliest,
  std::chrono::milliseconds run_time{0}; ///< and at this age at the earliest
  bool record = false;                   ///< keep arrival times of requests with a marker
  bool marked_for_ever = false;          ///< jobs with a marker do not end
};

/// A running fast_kdocs.
class Service {
public:
  Service(const std::filesystem::path& folder, const ServiceOptions& options = {});

  struct Counts {
    std::int64_t starts = 0;
    std::int64_t polls = 0;
    std::int64_t ended = 0; ///< tasks whose end was told
    std::int64_t lines = 0; ///< handed out
    std::int64_t bad = 0;   ///< requests that the API does not have
  };
  /// One arrival of a request about a job with a marker.
  struct Arrival {
    bool start = true; ///< else a poll
    std::int64_t marker = 0;
    std::int64_t at_ns = 0; ///< CLOCK_MONOTONIC
  };
  struct Record {
    Counts counts;
    std::vector<Arrival> arrivals;
  };
  std::string base_url() const { return "http://127.0.0.1:" + port_; }
  /// Ends it; what it saw.
  Record stop();

private:
  std::filesystem::path counts_file_;
  std::filesystem::path record_file_;
  std::string port_;
  std::unique_ptr<Process> process_;
};

struct DaemonOptions {
  std::filesystem::path program;
  std::size_t max_running = 100;
  std::size_t max_running_per_file = 1;
  std::int64_t submit_quota = 1'000'000'000;
  std::int64_t status_quota = 1'000'000'000;
  std::string log_level = "info";         ///< the product's default
  std::vector<std::string> environment{}; ///< of the daemon, but not of `init`; see Process
};

/// A folder with a database that the real program created, and the program itself.
class Stage {
public:
  Stage(const std::filesystem::path& parent, DaemonOptions options);

  std::filesystem::path folder() const { return folder_.path(); }
  std::filesystem::path database() const { return folder_.path() / "queue.db"; }
  std::filesystem::path log() const { return folder_.path() / "daemon.log"; }
  /// Starts the daemon; returns when it says that it is ready, or throws std::runtime_error with
  /// its last words.
  void start_daemon(const std::string& base_url);
  Process& daemon() { return *daemon_; }
  /// From the start of the program to its word that it is ready.
  std::chrono::nanoseconds start_time() const { return start_time_; }
  /// Throws std::runtime_error if it did not end with 0.
  EndedProcess stop_daemon();

private:
  void write_configuration(const std::string& base_url) const;
  std::filesystem::path configuration() const { return folder_.path() / "config.json"; }
  std::string last_words() const;

  DaemonOptions options_;
  WorkFolder folder_;
  std::chrono::nanoseconds start_time_{0};
  std::unique_ptr<Process> daemon_;
};

/// Now, on CLOCK_MONOTONIC, as fast_kdocs records it.
std::int64_t monotonic_ns();

/// Asks every `pause` until it is so; throws std::runtime_error with `what` after `patience`.
void wait_for(const std::string& what, const std::function<bool()>& condition,
              std::chrono::milliseconds pause = std::chrono::milliseconds(10),
              std::chrono::seconds patience = std::chrono::seconds(600));

} // namespace kdq::bench
