// The file's layout, store/schema/, and whether a file has it.
#pragma once

#include <string>

namespace SQLite {
class Database;
}

namespace kdq {

/// The text of store/schema/*.sql, embedded at build.
extern const char* const schema_text;

/// PRAGMA application_id of our files ("KDQ2"), so that no other program's database is touched.
inline constexpr int application_id = 0x4b445132;
/// That of the files of a development version, with another layout ("KDQ1").
inline constexpr int development_application_id = 0x4b445131;
/// PRAGMA user_version: counts the layouts.
inline constexpr int schema_version = 1;

/// Why a file with tables in it and these header numbers is not for this program, as a sentence;
/// empty: it is.
std::string foreign_file(const std::string& path, int owner, int version);

/// The same of a file that is open: it may be ours without saying so.
std::string foreign_file(SQLite::Database& database, const std::string& path);

/// Makes the tables in an empty file, all of them or nothing. Throws StoreBroken if the file
/// belongs to another program or to another version of this one; SQLite::Exception if SQLite
/// refuses.
void require_schema(SQLite::Database& database, const std::string& path);

} // namespace kdq
