// Work that a former run of the daemon could have left, made by the transitions that the database
// allows to everyone.
#pragma once

#include "tests/bench/common/queue_file.h"

#include <chrono>
#include <cstdint>

namespace kdq::bench {

/// Tasks that were submitted `age` ago and found running a second ago; they may run for a month.
/// The service does not know them, and says of such that they run. `file`: see Jobs.
void add_running_tasks(QueueFile& queue, std::int64_t count, std::chrono::seconds age,
                       const std::string& file = {});

/// Jobs that have succeeded, with this many log lines each, and their two requests.
void add_ended_jobs(QueueFile& queue, std::int64_t count, std::int64_t lines_each);

} // namespace kdq::bench
