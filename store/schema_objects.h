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

bool is_unique_index(const SchemaObject& object);

/// Those of ours that the file lacks, in the order in which they can be made.
std::vector<SchemaObject> missing_objects(SQLite::Database& database);

/// What can refuse a change of ours without being ours: triggers and unique indexes; `table` empty:
/// on all tables. What has the name of one of ours is not among them.
std::vector<SchemaObject> foreign_guards(SQLite::Database& database, const std::string& table = "");

/// Triggers, views and indexes that have the name of one of ours and are not what we made.
std::vector<SchemaObject> changed_objects(SQLite::Database& database);

/// What ALTER TABLE has made of our tables.
struct AlteredTables {
  std::vector<std::string> renamed; ///< `the column progress of jobs was renamed to "prog"`
  std::vector<std::string> undo;    ///< the statement for each of them
  std::vector<std::string> lost;    ///< `the column outcome of requests`
};
AlteredTables altered_tables(SQLite::Database& database);

/// Whether the file has all our tables with all their columns, whatever its header says.
bool has_our_tables(SQLite::Database& database);

/// `the table logs, the view health`
std::string names_of(const std::vector<SchemaObject>& objects);

/// As SQL has a name.
std::string quoted(const std::string& name);

/// Makes what is missing, without content where the rest does not tell it, and what has changed as
/// it was; all or nothing. Not where altered_tables() finds anything.
void make_missing(SQLite::Database& database);

} // namespace kdq
