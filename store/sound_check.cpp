#include "store/sound_check.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <algorithm>

namespace kdq {
namespace {

// Between two questions whether it goes on: about a millisecond.
constexpr int instructions_a_question = 20'000;

struct Check {
  sqlite3* handle;
  std::int64_t pages;
  std::int64_t read_before; ///< of them, by the connection
  const CheckGoesOn& goes_on;
  bool given_up = false;

  static std::int64_t pages_read(sqlite3* handle) {
    int missed = 0; // each page is read once
    int highest = 0;
    sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_MISS, &missed, &highest, 0);
    return missed;
  }
  static int on_progress(void* self) {
    auto& check = *static_cast<Check*>(self);
    const std::int64_t done = pages_read(check.handle) - check.read_before;
    check.given_up = !check.goes_on(std::clamp<std::int64_t>(done, 0, check.pages), check.pages);
    return check.given_up ? 1 : 0;
  }
};

} // namespace

std::optional<std::string> quick_check(SQLite::Database& database, const CheckGoesOn& goes_on) {
  sqlite3* handle = database.getHandle();
  Check check{handle, database.execAndGet("PRAGMA page_count").getInt64(),
              Check::pages_read(handle), goes_on};
  if (!goes_on(0, check.pages))
    return std::nullopt;
  sqlite3_progress_handler(handle, instructions_a_question, Check::on_progress, &check);
  std::string found;
  try {
    found = database.execAndGet("PRAGMA quick_check(1)").getString();
  } catch (const SQLite::Exception&) {
    sqlite3_progress_handler(handle, 0, nullptr, nullptr);
    if (!check.given_up)
      throw;
  }
  sqlite3_progress_handler(handle, 0, nullptr, nullptr);
  if (check.given_up)
    return std::nullopt;
  return found == "ok" ? "" : found;
}

} // namespace kdq
