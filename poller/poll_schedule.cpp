#include "poller/poll_schedule.h"

#include <algorithm>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// Each question comes at 1.5 times the age of the one before: a script is seen to have ended at
// most half of its run time late, and one of an hour costs about 20 questions.
constexpr double growth = 1.5;
constexpr std::chrono::milliseconds first_age = 700ms;
constexpr std::chrono::milliseconds shortest_gap = 500ms;
constexpr std::chrono::milliseconds longest_gap = 5min;
// A status word that the API does not have is no end: ask slowly until the deadline.
constexpr std::chrono::milliseconds gap_of_unknown_status = 1min;

} // namespace

std::chrono::milliseconds GeometricSchedule::next_poll(const PollPoint& task) const {
  if (!task.known_status)
    return task.last_poll + gap_of_unknown_status;
  if (task.last_poll == 0ms)
    return first_age;
  const auto gap = std::chrono::duration_cast<std::chrono::milliseconds>(
      (growth - 1) * std::chrono::duration<double, std::milli>(task.last_poll));
  return task.last_poll + std::clamp(gap, shortest_gap, longest_gap);
}

} // namespace kdq
