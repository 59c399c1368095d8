// When polls were due and taken up, as the daemon's log says it (log_level debug).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <vector>

namespace kdq::bench {

/// Times are on CLOCK_MONOTONIC, as those of fast_kdocs.
struct Poll {
  std::int64_t due_ns = 0;
  std::int64_t taken_ns = 0; ///< when the daemon took it up
};

/// The polls of each job, in order. Throws std::runtime_error if a time in the log is none.
std::map<std::int64_t, std::vector<Poll>> polls_in(const std::filesystem::path& log);

} // namespace kdq::bench
