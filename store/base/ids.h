// The names of things that the database and the service number.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace kdq {

/// jobs.id
struct JobId {
  std::int64_t value = 0;
  auto operator<=>(const JobId&) const = default;
};

/// One request to the service, counted by the process that sends it: it means nothing to another
/// process, and is never read from the database.
struct RequestId {
  std::uint64_t value = 0;
  auto operator<=>(const RequestId&) const = default;
};

/// The service's name for a script that was started; a secret in log files.
struct TaskId {
  std::string value;
  auto operator<=>(const TaskId&) const = default;
};

} // namespace kdq
