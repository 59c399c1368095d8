#include "store/schema.h"

#include "store/database.h"
#include "store/schema_objects.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Transaction.h>

namespace kdq {
namespace {

int read_int(SQLite::Database& database, const char* sql) {
  return database.execAndGet(sql).getInt();
}

/// Of a development version; only what waits is brought over: jobs that ended keep their results
/// where they are.
std::string old_layout(const std::string& path) {
  return path +
         " is the database of a development version of kdocs-queued, with another layout. Move it "
         "to "
         "old.db, start kdocs-queued anew, and bring over what is queued: sqlite3 " +
         path +
         " \"ATTACH 'old.db' AS old; INSERT INTO jobs(file_token, script_name, argv, app, "
         "priority, "
         "run_at, expires_at, unique_key, timeout_s, on_unconfirmed, script) SELECT file_token, "
         "script_name, argv, app, priority, run_at, expires_at, unique_key, timeout_s, "
         "on_unconfirmed, script FROM old.jobs WHERE state = 'queued' ORDER BY id\"";
}

/// `.dump` writes everything but the two numbers of the header.
std::string unmarked_sentence(const std::string& path) {
  return path +
         " has all tables of a queue, but not the two numbers that mark it as one (the dot-command "
         ".dump leaves them out). If it is to be the queue: sqlite3 " +
         path + " \"PRAGMA application_id = " + std::to_string(application_id) +
         "; PRAGMA user_version = " + std::to_string(schema_version) + "\"";
}

} // namespace

std::string foreign_file(const std::string& path, int owner, int version) {
  if (owner == development_application_id)
    return old_layout(path);
  if (owner != application_id)
    return path + " is a database of another program: name a file of its own for the queue";
  if (version != schema_version)
    return path + " was written by a newer kdocs-queued (schema " + std::to_string(version) +
           ", this program knows " + std::to_string(schema_version) +
           "): install that version again";
  return {};
}

std::string foreign_file(SQLite::Database& database, const std::string& path) {
  const int owner = read_int(database, "PRAGMA application_id");
  if (owner == 0 && has_our_tables(database))
    return unmarked_sentence(path);
  return foreign_file(path, owner, read_int(database, "PRAGMA user_version"));
}

void require_schema(SQLite::Database& database, const std::string& path) {
  // Looked at first without the write lock: the usual start changes nothing and waits for nobody.
  const auto owner = [&] { return read_int(database, "PRAGMA application_id"); };
  const auto version = [&] { return read_int(database, "PRAGMA user_version"); };
  if (version() == schema_version && owner() == application_id)
    return;

  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  const int tables = read_int(database, "SELECT count(*) FROM sqlite_schema");
  if (tables != 0 || owner() != 0 || version() != 0) {
    if (const std::string refusal = foreign_file(database, path); !refusal.empty())
      throw StoreBroken(refusal);
    return; // another process has made it meanwhile
  }
  database.exec(schema_text);
  database.exec("PRAGMA application_id = " + std::to_string(application_id));
  database.exec("PRAGMA user_version = " + std::to_string(schema_version));
  transaction.commit();
}

} // namespace kdq
