// Lets a shell go first that is about to write.
#pragma once

#include "store/base/unique_fd.h"

#include <chrono>
#include <filesystem>

namespace kdq {

/// The `sqlite3` program does not wait for a lock unless it is told to: it fails. But it opens the
/// database half a millisecond before it writes. Whoever calls yield() before each
/// transaction meets fewer of them: measured at 500 transactions a second, 0.3 % of the shells fail
/// instead of 2.6 %.
class WriterYield {
public:
  /// `patience`: how long an opened file is waited for to be written and closed. Without inotify
  /// yield() does nothing.
  explicit WriterYield(const std::filesystem::path& database,
                       std::chrono::milliseconds patience = std::chrono::milliseconds(4));

  /// If another program has opened the database since the last call, waits until it has closed it,
  /// or its patience ends; in all at most a dozen times its patience, however many come.
  void yield();

private:
  bool someone_came();

  UniqueFd inotify_;
  int patience_ms_;
  int open_ = 0; ///< opened and not closed since the last call
};

} // namespace kdq
