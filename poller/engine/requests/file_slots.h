// How many more scripts may be started on a file.
#pragma once

#include "poller/engine/task_table.h"
#include "store/status_tables.h"

#include <limits>

namespace kdq {

class FileSlots {
public:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  /// `per_file` 0: no limit.
  FileSlots(const TaskTable& tasks, const Pauses& pauses, std::size_t per_file)
      : tasks_(tasks), pauses_(pauses), per_file_(per_file) {}

  std::size_t on(const std::string& file_token) const {
    if (pauses_.files.contains(file_token))
      return 0;
    if (per_file_ == 0)
      return no_limit;
    const std::size_t taken = tasks_.on_file(file_token);
    return per_file_ > taken ? per_file_ - taken : 0;
  }
  /// Files that may have none, at most.
  std::size_t taken_files() const { return tasks_.taken_files() + pauses_.files.size(); }

private:
  const TaskTable& tasks_;
  const Pauses& pauses_;
  std::size_t per_file_;
};

} // namespace kdq
