// Puts a copy in the place of the queue, whatever happens on the way.
#pragma once

#include "store/base/time.h"

#include <filesystem>
#include <string>

namespace kdq {

/// `<database>.restore`: a whole copy under this name says that a restore has begun and not come to
/// its end. As long as it is there no Database is opened under the name.
std::filesystem::path prepared_name(const std::filesystem::path& database);
/// Removes what an earlier restore left there.
void discard_prepared(const std::filesystem::path& database);
/// Why the database must not be opened, as a sentence; empty: nothing speaks against it.
std::string unfinished_restore(const std::filesystem::path& database);

struct RestoredFiles {
  std::filesystem::path aside; ///< the old database's name now; empty: there was none
};

/// Gives the prepared copy the database's name, owner and mode. The old one, its log and its spill
/// file get the name `<database>.before-20260131T090500Z` and their suffixes. Nobody may have it
/// open. Throws CopyFailed: to be done again.
RestoredFiles put_in_place(const std::filesystem::path& database, WallTime now);

} // namespace kdq
