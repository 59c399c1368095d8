// Work of a former run: it is made by the daemon itself, with another service, before the run that
// is measured.
#pragma once

#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/stage.h"

#include <chrono>

namespace kdq::bench {

/// Tasks that were submitted `age` ago, found running a moment ago, and may run for a month. The
/// service of the next run does not know them, and says of such that they run. Of `jobs` the count
/// and where they are matter.
void add_running_tasks(const Stage& stage, Jobs jobs, std::chrono::seconds age);

/// Jobs that have succeeded, with this many log lines each (two at least).
void add_ended_jobs(const Stage& stage, const Jobs& jobs, std::int64_t lines_each);

} // namespace kdq::bench
