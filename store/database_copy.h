// A copy of a database, made beside whoever works on it.
#pragma once

#include "store/base/time.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>

namespace kdq {

/// There is no copy: the text says why, and what to do. Nothing is left under the wanted name.
struct CopyFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct CopyProgress {
  enum class Stage {
    copying, ///< a read transaction of the source is open: its log is not begun anew meanwhile
    checking ///< the source is closed
  };
  Stage stage = Stage::copying;
  std::int64_t done = 0; ///< pages of `total`
  std::int64_t total = 0;
};

/// Copies one state of the queue `source` to `target`, which must not exist: what others write
/// meanwhile is not in it, and does not hold it up. The source is only read; no checkpoint is made.
/// The copy gets the mark `made_at` (none: when the source was last seen at work), by which a
/// daemon knows it for a backup; it is checked (quick_check), on disk, and of mode 0640 when it
/// gets its name. Until then it is `target` with `.part` behind it, which is replaced if it is
/// there.
/// `goes_on` is called every few milliseconds, and may take its time; false gives the copy up.
/// Returns whether it was made. Throws CopyFailed.
bool copy_database(const std::filesystem::path& source, const std::filesystem::path& target,
                   std::optional<WallTime> made_at,
                   const std::function<bool(const CopyProgress&)>& goes_on);

} // namespace kdq
