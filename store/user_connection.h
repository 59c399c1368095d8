// A connection that changes what a user may change, beside the daemon's; for the .cpp files of
// store/ only.
#pragma once

#include "store/base/file_names.h"
#include "store/statement.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <filesystem>
#include <functional>

namespace kdq {

/// It makes no checkpoint, sets nothing in the file, and no transaction of it outlives a call. A
/// call waits five seconds for another program's lock at most, and comes to its end whatever
/// triggers and views somebody has made. Single-threaded. All throw StoreUnavailable, StoreBroken
/// or StoreIncomplete (store/database.h).
class UserConnection {
public:
  /// The file must be there.
  explicit UserConnection(const std::filesystem::path& file);

  SQLite::Database& database() { return db_; }

  /// One transaction; what is open after an error is undone. Throw JobRefused as well.
  void read(const std::function<void()>& work) { in_transaction(begin_read_, work); }
  void write(const std::function<void()>& work) { in_transaction(begin_write_, work); }

  /// What SQLite says, as one of our kinds of trouble; JobRefused if a constraint refuses it.
  [[noreturn]] void rethrow_to_user(const SQLite::Exception& error);

  /// Whether the file's name leads to another file by now.
  bool was_replaced() const { return name_.changed().has_value(); }

private:
  void in_transaction(Statement& begin, const std::function<void()>& work);

  std::filesystem::path file_;
  FileNames name_;
  int steps_left_;
  SQLite::Database db_;
  Statement begin_read_{db_, "BEGIN"};
  Statement begin_write_{db_, "BEGIN IMMEDIATE"};
  Statement commit_{db_, "COMMIT"};
};

} // namespace kdq
