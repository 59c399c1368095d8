// The values that the poll schedule takes and gives.
#pragma once

#include "store/base/time.h"
#include "store/job.h"
#include "store/run_time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

/// How a task's run time is looked up: by its own script (for instance a hash of the text) if that
/// has run before, else by its family (for instance the file and script_name), so that an edited
/// script starts from its predecessor, else by the pool of all scripts. An empty family is none.
struct TaskKeys {
  std::string script;
  std::string family;
};

/// A task that runs at the service.
struct OpenTask {
  JobId job;
  TaskKeys keys;
  SteadyTime submitted_at;
  std::optional<SteadyTime> last_poll; ///< the last one that found it running
  /// It is asked once at this moment, so that what has ended is not given up unseen.
  std::optional<SteadyTime> deadline = std::nullopt;
};

/// A run that was learnt: a RunRow with its moment on the monotonic clock.
struct LearntRun {
  std::string key;
  std::int64_t seq = 0;
  SteadyTime submitted_at;
  RunTime run;
};

/// Starts of an app in half a minute: a StartCount with its moment on the monotonic clock.
struct PastStarts {
  SteadyTime at;
  std::int64_t starts = 0;
};

/// What an end taught, to be stored in the reply's transaction.
struct Learnt {
  std::vector<LearntRun> rows;
  std::vector<std::string> forgotten; ///< keys whose rows are to be deleted
};

struct DuePoll {
  JobId job;
  SteadyTime due;
  bool for_watcher = false; ///< earlier than planned, because someone follows the job
};

} // namespace kdq
