#include "store/migrate.h"

#include "store/database.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Transaction.h>

namespace kdq {
namespace {

int read_int(SQLite::Database& database, const char* sql) {
  return database.execAndGet(sql).getInt();
}

} // namespace

std::string foreign_file(const std::string& path, int owner, int version) {
  const int newest = static_cast<int>(migrations().size());
  if (owner != application_id)
    return path + " is a database of another program: name a file of its own for the queue";
  if (version > newest)
    return path + " was written by a newer kdocs-queued (schema " + std::to_string(version) +
           ", this program knows " + std::to_string(newest) + "): install that version again";
  return {};
}

void migrate(SQLite::Database& database, const std::string& path) {
  const int newest = static_cast<int>(migrations().size());
  // Looked at first without the write lock: the usual start changes nothing and waits for nobody.
  const auto current = [&] { return read_int(database, "PRAGMA user_version"); };
  if (current() == newest && read_int(database, "PRAGMA application_id") == application_id)
    return;

  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  const int version = current();
  const int tables = read_int(database, "SELECT count(*) FROM sqlite_schema");
  const int owner = read_int(database, "PRAGMA application_id");
  if (tables != 0 || owner != 0 || version != 0)
    if (const std::string refusal = foreign_file(path, owner, version); !refusal.empty())
      throw StoreBroken(refusal);
  for (int next = version; next < newest; ++next)
    database.exec(migrations()[static_cast<std::size_t>(next)]);
  database.exec("PRAGMA application_id = " + std::to_string(application_id));
  database.exec("PRAGMA user_version = " + std::to_string(newest));
  transaction.commit();
}

} // namespace kdq
