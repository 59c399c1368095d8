// What Database does with a file that nobody of ours has open.
#include "store/connection.h"
#include "store/database.h"
#include "store/network_file.h"
#include "store/restore_file.h"
#include "store/schema.h"
#include "store/schema_objects.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <fstream>

namespace kdq {
namespace {

/// A number of the database header (sqlite.org/fileformat.html, big-endian).
std::uint32_t header_number(const std::string& header, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i)
    number = number << 8 | static_cast<unsigned char>(header[at + i]);
  return number;
}

/// The path as a URI may have it.
std::string in_uri(const std::string& path) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : path)
    if (c == '%' || c == '?' || c == '#')
      ((text += '%') += hex[c >> 4]) += hex[c & 15];
    else
      text += c;
  return text;
}

} // namespace

std::string Database::refusal(const std::filesystem::path& file) {
  if (std::string refusal = network_refusal(file); !refusal.empty())
    return refusal;
  if (std::string unfinished = unfinished_restore(file); !unfinished.empty())
    return unfinished;
  constexpr std::size_t header_bytes = 100;
  std::string header(header_bytes, '\0');
  std::ifstream in(file, std::ios::binary);
  in.read(header.data(), static_cast<std::streamsize>(header.size()));
  if (in.gcount() == 0)
    return {}; // created and not used yet, or all of it is in the -wal file
  if (header.compare(0, 15, "SQLite format 3") != 0)
    return file.string() + " is damaged or no SQLite database";
  std::error_code ignored;
  if (std::filesystem::exists(file.string() + "-wal", ignored))
    return {}; // the header may be older than the database
  if (header_number(header, 28) <= 1)
    return {}; // one page: no tables yet
  try {
    // Immutable: without locks, and without files beside it.
    SQLite::Database database("file:" + in_uri(file.string()) + "?immutable=1",
                              SQLite::OPEN_READONLY | SQLite::OPEN_URI);
    return foreign_file(database, file.string());
  } catch (const SQLite::Exception& error) {
    return file.string() + " is damaged or no SQLite database: " + error.what();
  }
}

void Database::note_stop(const std::filesystem::path& file, const std::string& reason,
                         WallTime now) {
  try {
    SQLite::Database connection(file.string(), SQLite::OPEN_READWRITE, patient_busy_timeout_ms);
    // Another program may make a checkpoint just now.
    never_checkpoint(connection);
    if (!foreign_file(connection, file.string()).empty())
      return;
    Statement note(connection, "INSERT INTO daemon(one, stopped_at, stop_reason) VALUES (1, ?1, ?2)"
                               " ON CONFLICT DO UPDATE SET stopped_at = ?1, stop_reason = ?2");
    note.run(now, reason);
  } catch (const SQLite::Exception&) {
    // The log says it.
  }
}

void Database::complete(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file) || !unfinished_restore(file).empty())
    return; // the constructor says more
  std::unique_ptr<SQLite::Database> connection;
  try {
    connection = std::make_unique<SQLite::Database>(file.string(), SQLite::OPEN_READWRITE,
                                                    patient_busy_timeout_ms);
    require_schema(*connection, file.string());
    if (const AlteredTables altered = altered_tables(*connection);
        !altered.renamed.empty() || !altered.lost.empty())
      require_whole(*connection, file);
    make_missing(*connection);
  } catch (const SQLite::Exception& error) {
    rethrow(error, file, connection.get());
  }
}

} // namespace kdq
