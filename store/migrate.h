// The schema's history: numbered SQL files, applied in order, counted in PRAGMA user_version.
#pragma once

#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace kdq {

/// The texts of store/migrations, embedded at build; the first is number 1.
const std::vector<const char*>& migrations();

/// PRAGMA application_id of our files ("KDQ1"), so that no other program's database is touched.
inline constexpr int application_id = 0x4b445131;

/// Why a file with tables in it and these header numbers is not for this program, as a sentence;
/// empty: it is.
std::string foreign_file(const std::string& path, int owner, int version);

/// Applies what the file lacks, all of it or nothing. Throws StoreBroken if the file belongs to
/// another program or to a newer version of this one; SQLite::Exception if SQLite refuses.
void migrate(SQLite::Database& database, const std::string& path);

} // namespace kdq
