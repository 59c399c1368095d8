// What connections to a queue have in common, beside the daemon's own; for the .cpp files of store/
// only.
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

namespace kdq {

/// How long a connection waits for another program's lock where there is nothing else to do.
inline constexpr int patient_busy_timeout_ms = 5000;

/// The daemon makes the checkpoints: a second one who does may lose rows (see Database). Nor does
/// this connection, not even when it is the last to close.
inline void never_checkpoint(SQLite::Database& connection) {
  sqlite3_db_config(connection.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_autocheckpoint(connection.getHandle(), 0);
}

/// Of an error its kind, as SQLITE_BUSY or SQLITE_CONSTRAINT.
inline int primary_code(const SQLite::Exception& error) {
  constexpr int without_details = 0xff;
  return error.getErrorCode() & without_details;
}

} // namespace kdq
