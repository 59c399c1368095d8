// The other side: a running fast_kdocs.
#pragma once

#include "tests/bench/common/process.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace kdq::bench {

struct ServiceOptions {
  std::int64_t polls = 1;                ///< a task ends at this poll at the earliest,
  std::chrono::milliseconds run_time{0}; ///< and at this age at the earliest
  std::int64_t lines = 4;                ///< of a task that has ended, two at least
  std::int64_t first_task = 1;           ///< the number of the first task
  bool record = false;                   ///< keep arrival times of requests with a marker
  bool marked_for_ever = false;          ///< jobs with a marker do not end
};

/// No task ends.
inline ServiceOptions endless() {
  ServiceOptions options;
  options.polls = 4'000'000'000;
  return options;
}

class Service {
public:
  Service(const std::filesystem::path& folder, const ServiceOptions& options = {});

  struct Counts {
    std::int64_t starts = 0;
    std::int64_t polls = 0;
    std::int64_t ended = 0; ///< tasks whose end was told
    std::int64_t lines = 0; ///< handed out
    std::int64_t bad = 0;   ///< requests that the API does not have
    std::int64_t requests() const { return starts + polls; }
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
  std::string base_url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// What it has seen so far. How far the daemon is shows here, whatever its tables are like; what
  /// was told last may not be stored yet.
  Counts counts() const;
  /// Ends it; what it saw.
  Record stop();

private:
  std::filesystem::path counts_file_;
  std::filesystem::path record_file_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Process> process_;
};

} // namespace kdq::bench
