// Puts a copy in the place of the queue, whatever happens on the way.
#pragma once

#include "store/base/time.h"

#include <filesystem>
#include <string>

namespace kdq {

/// Where the copy is to be made: `<database>.restoring`, on the disk of the database. What an
/// earlier restore left there is removed.
std::filesystem::path room_for_restore(const std::filesystem::path& database);

/// Why the database must not be opened, as a sentence; empty: nothing speaks against it. A file
/// `<database>.restore` says that a restore has begun, and not come to its end.
std::string unfinished_restore(const std::filesystem::path& database);

struct RestoredFiles {
  std::filesystem::path aside; ///< the old database's name now; empty: there was none
};

/// Gives the copy in that place the database's name, owner and mode. The old one, its log and its
/// spill file get the name `<database>.before-20260131T090500Z` and their suffixes. Nobody may have
/// it open. Throws CopyFailed: to be done again.
RestoredFiles put_in_place(const std::filesystem::path& database, WallTime now);

} // namespace kdq
