#include "store/schema_objects.h"

#include "store/schema.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <string_view>

namespace kdq {
namespace {

/// What a user planted may be very much.
constexpr std::size_t most_named = 5;

/// A database that has the layout and nothing else.
SQLite::Database model() {
  SQLite::Database database(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec(schema_text);
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
  return object.type == "trigger" || object.sql.starts_with("CREATE UNIQUE INDEX");
}

std::vector<std::string> texts(SQLite::Database& database, const char* sql) {
  std::vector<std::string> found;
  SQLite::Statement query(database, sql);
  while (query.executeStep())
    found.push_back(query.getColumn(0).getString());
  return found;
}

} // namespace

std::vector<SchemaObject> missing_objects(SQLite::Database& database) {
  SQLite::Database wanted = model();
  const std::vector<SchemaObject> found = objects_of(database);
  std::vector<SchemaObject> missing = objects_of(wanted);
  std::erase_if(missing, [&](const SchemaObject& object) {
    return std::any_of(found.begin(), found.end(), [&](const SchemaObject& other) {
      return other.type == object.type && other.name == object.name;
    });
  });
  return missing;
}

std::vector<SchemaObject> foreign_guards(SQLite::Database& database, const std::string& table) {
  SQLite::Database wanted = model();
  const std::vector<SchemaObject> ours = objects_of(wanted);
  std::vector<SchemaObject> guards = objects_of(database);
  std::erase_if(guards, [&](const SchemaObject& object) {
    const bool is_ours = std::any_of(ours.begin(), ours.end(), [&](const SchemaObject& other) {
      return other.name == object.name && other.sql == object.sql;
    });
    return is_ours || !can_refuse(object) || (!table.empty() && object.table != table);
  });
  return guards;
}

bool has_our_tables(SQLite::Database& database) {
  SQLite::Database wanted = model();
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

void make_missing(SQLite::Database& database) {
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  const std::vector<SchemaObject> missing = missing_objects(database);
  const bool no_jobs = std::any_of(missing.begin(), missing.end(), [](const SchemaObject& object) {
    return object.type == "table" && object.name == "jobs";
  });
  for (const SchemaObject& object : missing)
    database.exec(object.sql);
  // The next start counts them.
  SQLite::Database wanted = model();
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
