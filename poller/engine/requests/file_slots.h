// How many more scripts may be started on a file.
#pragma once

#include "poller/engine/task_table.h"
#include "poller/settings.h"
#include "store/status_tables.h"

#include <limits>

namespace kdq {

class FileSlots {
public:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  FileSlots(const TaskTable& tasks, const Pauses& pauses, const EngineSettings& settings)
      : tasks_(tasks), pauses_(pauses), settings_(settings) {}

  std::size_t on(const std::string& file_token) const {
    if (pauses_.files.contains(file_token))
      return 0;
    const std::size_t per_file = settings_.max_running_per_file;
    if (per_file == 0)
      return no_limit;
    const std::size_t taken = tasks_.on_file(file_token);
    return per_file > taken ? per_file - taken : 0;
  }
  /// Files that may have none, at most.
  std::size_t taken_files() const { return tasks_.taken_files() + pauses_.files.size(); }

private:
  const TaskTable& tasks_;
  const Pauses& pauses_;
  const EngineSettings& settings_;
};

} // namespace kdq
