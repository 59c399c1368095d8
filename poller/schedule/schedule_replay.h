// Puts what a schedule was told before a restart back into the order of time.
#pragma once

#include "poller/schedule/open_task.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kdq {

/// Stored runs and open tasks as the starts and ends that they once were. Immutable.
class ScheduleReplay {
public:
  struct Run {
    std::int64_t seq = 0;
    SteadyTime submitted_at;
    RunTime run;
    std::vector<std::string> keys; ///< the script's before the family's

    /// Stands in for the job's id, below all real ones.
    JobId job() const;
  };

  /// Of one moment starts come before ends; runs come in the order of `seq`, before open tasks,
  /// which come in the order of jobs.
  struct Event {
    enum class Kind { start, end, open };
    SteadyTime at;
    Kind kind;
    std::size_t index; ///< into runs(), or into open() for an open task
  };

  ScheduleReplay(std::vector<LearntRun> rows, std::vector<OpenTask> open);

  const std::vector<Run>& runs() const { return runs_; }
  const std::vector<OpenTask>& open() const { return open_; }
  const std::vector<Event>& events() const { return events_; }
  /// For the next run: above all that were stored.
  std::int64_t next_seq() const { return runs_.empty() ? 1 : runs_.back().seq + 1; }

private:
  std::vector<Run> runs_;
  std::vector<OpenTask> open_;
  std::vector<Event> events_;
};

} // namespace kdq
