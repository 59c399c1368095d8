// A KDocs that runs nothing and answers at once: the limit of what a client can be measured with.
#pragma once

#include "tests/bench/fast_kdocs/http.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kdq::bench {

struct ServiceRules {
  std::uint32_t polls = 1;      ///< a task ends at this poll at the earliest,
  std::int64_t run_time_ns = 0; ///< and at this age at the earliest
  std::uint32_t lines = 4;      ///< of a task that has ended, two at least
  std::int64_t first_task = 1;  ///< the number of the first task
  bool record = false;          ///< keep the arrivals of requests about marked scripts
  bool marked_for_ever = false; ///< marked scripts do not end
};

/// The lines of a task: the opening one and those of the script come with its first poll, the
/// closing one with its end; each is handed out once. Its result is its number.
class FastService {
public:
  explicit FastService(ServiceRules rules) : rules_(rules) {}

  /// Appends the reply to `out`. `now_ns`: CLOCK_MONOTONIC.
  void answer(const Request& request, std::int64_t now_ns, std::string& out);

  std::string counts() const; ///< a JSON object
  /// A line for each arrival about a script whose script_name is m-<number>: start or poll, the
  /// number, the time.
  std::string arrivals() const;

private:
  struct Task {
    std::int64_t started_ns;
    std::int32_t marker; ///< -1: none
    std::uint32_t polls;
    bool opened; ///< its first lines were handed out
    bool ended;
  };
  struct Arrival {
    bool start;
    std::int32_t marker;
    std::int64_t at_ns;
  };

  void start(const Request& request, std::int64_t now_ns, std::string& out);
  void poll(std::string_view target, std::int64_t now_ns, std::string& out);

  ServiceRules rules_;
  std::vector<Task> tasks_; ///< in the order of their numbers
  std::vector<Arrival> arrivals_;
  std::string body_; ///< of the reply that is being made
  std::int64_t polls_ = 0;
  std::int64_t ended_ = 0;
  std::int64_t lines_ = 0;
  std::int64_t bad_ = 0;
};

} // namespace kdq::bench
