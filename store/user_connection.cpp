#include "store/user_connection.h"

#include "store/connection.h"
#include "store/database.h"
#include "store/job_refused.h"
#include "store/network_file.h"
#include "store/restore_file.h"
#include "store/schema.h"
#include "store/store_error.h"

#include <sqlite3.h>

#include <system_error>

namespace kdq {
namespace {

// Whatever triggers and views somebody has made, a call comes to its end, and with it the lock.
constexpr int instructions_per_step = 1000;
constexpr int most_steps = 50'000;

/// A person has his right to the queue by its group: the file is not to become his own.
[[noreturn]] void rethrow_for(const SQLite::Exception& error, const std::filesystem::path& file,
                              SQLite::Database* connection) {
  if (primary_code(error) == SQLITE_CONSTRAINT)
    throw JobRefused(error.what());
  for (const int kind : {SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM})
    if (primary_code(error) == kind)
      throw StoreUnavailable(file.string() + ": " + error.what() + ": " + member_sentence(file));
  rethrow(error, file, connection);
}

void require_file(const std::filesystem::path& file) {
  std::error_code problem;
  if (!std::filesystem::exists(file, problem) && !problem)
    throw StoreUnavailable("there is no database " + file.string() +
                           ": name the queue's, or start kdocs-queued, which makes it");
  for (const std::string& refusal : {network_refusal(file), unfinished_restore(file)})
    if (!refusal.empty())
      throw StoreBroken(refusal);
}

SQLite::Database open(const std::filesystem::path& file) {
  require_file(file);
  try {
    return {file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX, patient_busy_timeout_ms};
  } catch (const SQLite::Exception& error) {
    rethrow_for(error, file, nullptr);
  }
}

} // namespace

UserConnection::UserConnection(const std::filesystem::path& file)
    : file_(file), steps_left_(most_steps), db_(open(file)) {
  try {
    name_.remember(file);
    never_checkpoint(db_);
    sqlite3_limit(db_.getHandle(), SQLITE_LIMIT_LENGTH, static_cast<int>(longest_value_bytes));
    sqlite3_progress_handler(
        db_.getHandle(), instructions_per_step,
        [](void* left) { return --*static_cast<int*>(left) < 0 ? 1 : 0; }, &steps_left_);
    if (const std::string refusal = foreign_file(db_, file.string()); !refusal.empty())
      throw StoreBroken(refusal);
  } catch (const SQLite::Exception& error) {
    rethrow_for(error, file, nullptr);
  }
}

void UserConnection::in_transaction(Statement& begin, const std::function<void()>& work) {
  steps_left_ = most_steps;
  try {
    begin.run();
    work();
    commit_.run();
  } catch (...) {
    steps_left_ = most_steps;
    if (sqlite3_get_autocommit(db_.getHandle()) == 0)
      db_.tryExec("ROLLBACK");
    try {
      throw;
    } catch (const SQLite::Exception& error) {
      rethrow_to_user(error);
    }
  }
}

void UserConnection::rethrow_to_user(const SQLite::Exception& error) {
  rethrow_for(error, file_, &db_);
}

} // namespace kdq
