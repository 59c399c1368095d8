// What a file has of the layout of store/schema/, and what users have added to it.
#pragma once

#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace kdq {

/// A row of sqlite_schema.
struct SchemaObject {
  std::string type; ///< table, index, view or trigger
  std::string name;
  std::string table; ///< on which an index or trigger is
  std::string sql;
};

/// Those of ours that the file lacks, in the order in which they can be made.
std::vector<SchemaObject> missing_objects(SQLite::Database& database);

/// What can refuse a change of ours without being ours: triggers and unique indexes; `table` empty:
/// on all tables.
std::vector<SchemaObject> foreign_guards(SQLite::Database& database, const std::string& table = "");

/// Whether the file has all our tables with all their columns, whatever its header says.
bool has_our_tables(SQLite::Database& database);

/// `the table logs, the view health`
std::string names_of(const std::vector<SchemaObject>& objects);

/// Makes what is missing, without content where the rest does not tell it; all or nothing.
void make_missing(SQLite::Database& database);

} // namespace kdq
