// The folder in which backups lie: `queue-20260131T090500Z.db`, by the time of each.
#pragma once

#include "store/base/time.h"

#include <cstddef>
#include <filesystem>
#include <string>

namespace kdq {

std::string backup_name(WallTime made_at);

/// Removes the oldest backups but for `keep`, never `newest`, and what was left behind by one that
/// did not come to its end. Files with other names stay. Empty, or a sentence: not all could be
/// removed.
std::string prune_backups(const std::filesystem::path& folder, std::size_t keep,
                          const std::filesystem::path& newest);

} // namespace kdq
