#include "tests/bench/common/poll_log.h"

#include "store/base/time.h"
#include "tests/bench/common/stage.h"

#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>

namespace kdq::bench {
namespace {

std::int64_t civil_to_monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return monotonic_ns() - (std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
}

} // namespace

/// Lines such as `2026-01-31 09:05:00.250 debug job 7 is asked, due at 2026-01-31 09:05:00.249`.
std::map<std::int64_t, std::vector<Poll>> polls_in(const std::filesystem::path& log) {
  constexpr std::string_view before = " debug job ";
  constexpr std::string_view between = " is asked, due at ";
  constexpr std::size_t time_bytes = 23;
  const std::int64_t shift = civil_to_monotonic_ns();
  const auto at = [shift](std::string_view text) {
    const auto time = kdq::parse_time(text);
    if (!time)
      throw std::runtime_error("not a time in the daemon's log: " + std::string(text));
    return std::chrono::nanoseconds(time->time_since_epoch()).count() + shift;
  };
  std::map<std::int64_t, std::vector<Poll>> polls;
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    const std::string_view text = line;
    const std::size_t job = text.find(before);
    const std::size_t due = text.find(between);
    if (job == text.npos || due == text.npos)
      continue;
    polls[std::stoll(line.substr(job + before.size()))].push_back(
        {at(text.substr(due + between.size())), at(text.substr(0, time_bytes))});
  }
  return polls;
}

} // namespace kdq::bench
