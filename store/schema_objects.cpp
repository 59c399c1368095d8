#include "store/schema_objects.h"

#include "store/schema.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <algorithm>
#include <string_view>
#include <tuple>

namespace kdq {
namespace {

/// What a user planted may be very much.
constexpr std::size_t most_named = 5;

/// A database that has the layout and nothing else. To make it takes some 8 ms, and it is asked
/// after each refusal: hence once in a thread.
SQLite::Database& model() {
  thread_local SQLite::Database database = [] {
    SQLite::Database made(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    made.exec(schema_text);
    return made;
  }();
  return database;
}

std::vector<SchemaObject> objects_of(SQLite::Database& database) {
  std::vector<SchemaObject> objects;
  SQLite::Statement query(database,
                          "SELECT type, name, tbl_name, sql FROM main.sqlite_schema "
                          "WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
                          "ORDER BY type = 'trigger', type = 'view', type = 'index', rowid");
  while (query.executeStep())
    objects.push_back({query.getColumn(0).getString(), query.getColumn(1).getString(),
                       query.getColumn(2).getString(), query.getColumn(3).getString()});
  return objects;
}

/// `table.column` of all tables.
std::vector<std::string> columns_of(SQLite::Database& database) {
  std::vector<std::string> columns;
  SQLite::Statement query(database, "SELECT t.name || '.' || c.name FROM main.sqlite_schema AS t, "
                                    "pragma_table_info(t.name) AS c WHERE t.type = 'table' AND "
                                    "t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1");
  while (query.executeStep())
    columns.push_back(query.getColumn(0).getString());
  return columns;
}

bool can_refuse(const SchemaObject& object) {
  return object.type == "trigger" || is_unique_index(object);
}

/// To SQLite names in other letters are the same.
bool is_called_as(const SchemaObject& one, const SchemaObject& other) {
  return one.type == other.type && sqlite3_stricmp(one.name.c_str(), other.name.c_str()) == 0;
}

const SchemaObject* namesake(const std::vector<SchemaObject>& objects, const SchemaObject& object) {
  const auto found = std::find_if(objects.begin(), objects.end(), [&](const SchemaObject& other) {
    return is_called_as(other, object);
  });
  return found == objects.end() ? nullptr : &*found;
}

bool has_table(const std::vector<SchemaObject>& objects, const std::string& name) {
  return namesake(objects, {"table", name, {}, {}}) != nullptr;
}

/// A table that is renamed there and back is in quotes everywhere.
std::string without_quotes(std::string sql) {
  std::erase(sql, '"');
  return sql;
}

bool is_same(const SchemaObject& one, const SchemaObject& other) {
  return one.table == other.table && without_quotes(one.sql) == without_quotes(other.sql);
}

/// What a CREATE TABLE says of its columns.
std::string_view columns_text(const SchemaObject& table) {
  const std::size_t begin = table.sql.find('(');
  return begin == std::string::npos ? std::string_view{}
                                    : std::string_view(table.sql).substr(begin);
}

/// The name that a table of ours has now, if it was renamed: its triggers and indexes went with it.
std::string new_name(const SchemaObject& table, const std::vector<SchemaObject>& ours,
                     const std::vector<SchemaObject>& found) {
  for (const SchemaObject& object : ours)
    if (object.table == table.name && object.type != "table")
      if (const SchemaObject* now = namesake(found, object);
          now && has_table(found, now->table) && !has_table(ours, now->table))
        return now->table;
  for (const SchemaObject& object : found)
    if (object.type == "table" && !has_table(ours, object.name) &&
        columns_text(object) == columns_text(table))
      return object.name;
  return {};
}

struct Column {
  std::string name;
  std::tuple<std::string, int, int> kind; ///< type, NOT NULL, place in the primary key
};

std::vector<Column> columns_of(SQLite::Database& database, const std::string& table) {
  std::vector<Column> columns;
  SQLite::Statement query(
      database, "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1) ORDER BY cid");
  query.bind(1, table);
  while (query.executeStep())
    columns.push_back({query.getColumn(0).getString(),
                       {query.getColumn(1).getString(), query.getColumn(2).getInt(),
                        query.getColumn(3).getInt()}});
  return columns;
}

bool has_column(const std::vector<Column>& columns, const std::string& name) {
  return std::any_of(columns.begin(), columns.end(), [&](const Column& column) {
    return sqlite3_stricmp(column.name.c_str(), name.c_str()) == 0;
  });
}

std::string column_of(const std::string& table, const std::string& name) {
  return "the column " + name + " of " + table;
}

std::string renaming(const std::string& table, const std::string& from, const std::string& to) {
  return "ALTER TABLE " + table + " RENAME COLUMN " + from + " TO " + to;
}

/// A column that is renamed keeps its place.
void compare_columns(const std::string& table, const std::vector<Column>& ours,
                     const std::vector<Column>& found, AlteredTables& altered) {
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const std::string& name = ours[i].name;
    if (has_column(found, name))
      continue;
    if (i >= found.size() || found[i].kind != ours[i].kind || has_column(ours, found[i].name)) {
      altered.lost.push_back(column_of(table, name));
      continue;
    }
    const std::string now = quoted(found[i].name);
    altered.renamed.push_back(column_of(table, name).append(" was renamed to ").append(now));
    altered.undo.push_back(renaming(table, now, name));
  }
}

std::vector<std::string> texts(SQLite::Database& database, const char* sql) {
  std::vector<std::string> found;
  SQLite::Statement query(database, sql);
  while (query.executeStep())
    found.push_back(query.getColumn(0).getString());
  return found;
}

} // namespace

bool is_unique_index(const SchemaObject& object) {
  return object.sql.starts_with("CREATE UNIQUE INDEX");
}

std::vector<SchemaObject> missing_objects(SQLite::Database& database) {
  SQLite::Database& wanted = model();
  const std::vector<SchemaObject> found = objects_of(database);
  std::vector<SchemaObject> missing = objects_of(wanted);
  std::erase_if(missing,
                [&](const SchemaObject& object) { return namesake(found, object) != nullptr; });
  return missing;
}

std::vector<SchemaObject> foreign_guards(SQLite::Database& database, const std::string& table) {
  SQLite::Database& wanted = model();
  const std::vector<SchemaObject> ours = objects_of(wanted);
  std::vector<SchemaObject> guards = objects_of(database);
  std::erase_if(guards, [&](const SchemaObject& object) {
    return namesake(ours, object) || !can_refuse(object) ||
           (!table.empty() && object.table != table);
  });
  return guards;
}

std::vector<SchemaObject> changed_objects(SQLite::Database& database) {
  SQLite::Database& wanted = model();
  const std::vector<SchemaObject> ours = objects_of(wanted);
  std::vector<SchemaObject> changed = objects_of(database);
  std::erase_if(changed, [&](const SchemaObject& object) {
    const SchemaObject* made = namesake(ours, object);
    return !made || object.type == "table" || is_same(object, *made);
  });
  return changed;
}

AlteredTables altered_tables(SQLite::Database& database) {
  SQLite::Database& wanted = model();
  const std::vector<SchemaObject> ours = objects_of(wanted);
  const std::vector<SchemaObject> found = objects_of(database);
  AlteredTables altered;
  for (const SchemaObject& table : ours) {
    if (table.type != "table")
      continue;
    if (has_table(found, table.name)) {
      compare_columns(table.name, columns_of(wanted, table.name), columns_of(database, table.name),
                      altered);
    } else if (const std::string now = new_name(table, ours, found); !now.empty()) {
      altered.renamed.push_back("the table " + table.name + " was renamed to " + quoted(now));
      altered.undo.push_back("ALTER TABLE " + quoted(now) + " RENAME TO " + table.name);
    }
  }
  return altered;
}

bool has_our_tables(SQLite::Database& database) {
  SQLite::Database& wanted = model();
  const std::vector<std::string> found = columns_of(database);
  const std::vector<std::string> ours = columns_of(wanted);
  return std::includes(found.begin(), found.end(), ours.begin(), ours.end());
}

std::string names_of(const std::vector<SchemaObject>& objects) {
  std::string names;
  for (std::size_t i = 0; i < objects.size() && i < most_named; ++i)
    names += (names.empty() ? "the " : ", the ") + objects[i].type + " " + objects[i].name;
  if (objects.size() > most_named)
    names += " and " + std::to_string(objects.size() - most_named) + " more";
  return names;
}

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name)
    text.append(c == '"' ? 2 : 1, c);
  return text + '"';
}

void make_missing(SQLite::Database& database) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  for (const SchemaObject& object : changed_objects(database))
    database.exec("DROP " + object.type + " IF EXISTS " + quoted(object.name));
  const std::vector<SchemaObject> missing = missing_objects(database);
  const bool no_jobs = std::any_of(missing.begin(), missing.end(), [](const SchemaObject& object) {
    return object.type == "table" && object.name == "jobs";
  });
  for (const SchemaObject& object : missing)
    database.exec(object.sql);
  // The next start counts them.
  SQLite::Database& wanted = model();
  for (const std::string& state : texts(wanted, "SELECT state FROM job_counts")) {
    SQLite::Statement insert(database, "INSERT OR IGNORE INTO job_counts(state) VALUES (?1)");
    insert.bind(1, state);
    insert.exec();
  }
  database.exec("INSERT OR IGNORE INTO queue SELECT * FROM queue_places");
  // The lines of a former job are not to become those of a new one.
  if (no_jobs)
    database.exec("INSERT INTO sqlite_sequence(name, seq) SELECT 'jobs', max(job_id) FROM ("
                  "SELECT job_id FROM logs UNION ALL SELECT job_id FROM requests) "
                  "HAVING max(job_id) > 0");
  transaction.commit();
}

} // namespace kdq
