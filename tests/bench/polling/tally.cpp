#include "tests/bench/polling/tally.h"

#include <algorithm>
#include <numeric>

namespace kdq::bench {

void Tally::detected(const TraceTask& task, WallTime started, WallTime ended, WallTime seen,
                     std::int64_t polls) {
  const auto index = static_cast<std::size_t>(day_of(task.arrives));
  if (index >= days_.size())
    return;
  Day& day = days_[index];
  day.waits.push_back(std::chrono::duration<double>(seen - ended).count());
  day.polls += polls;
  if (day_of(started) != day_of(task.arrives))
    ++day.held_back;
}

void Tally::stranded(std::int64_t day) {
  if (const auto index = static_cast<std::size_t>(day); index < days_.size())
    ++days_[index].stranded;
}

Result Tally::result(const Trace& trace, const Service& service) const {
  Result result;
  for (std::size_t i = 0; i < days_.size(); ++i) {
    auto waits = days_[i].waits;
    DayResult& day = result.day[i];
    day.tasks = waits.size();
    day.requests = service.requests(static_cast<std::int64_t>(i));
    day.quota_use = static_cast<double>(day.requests) / static_cast<double>(trace.status_quota);
    day.stranded = days_[i].stranded;
    day.held_back = days_[i].held_back;
    if (waits.empty())
      continue;
    const double tasks = static_cast<double>(waits.size());
    day.mean_wait_seconds = std::accumulate(waits.begin(), waits.end(), 0.0) / tasks;
    day.polls_per_task = static_cast<double>(days_[i].polls) / tasks;
    const auto p95 = waits.begin() + static_cast<std::ptrdiff_t>(0.95 * (tasks - 1));
    std::nth_element(waits.begin(), p95, waits.end());
    day.p95_wait_seconds = *p95;
  }
  result.refused = service.refused();
  return result;
}

} // namespace kdq::bench
