// What the .cpp files of store/ have in common, and only they: the one thin wrapping of a prepared
// statement, and how patient a connection is.
#pragma once

#include "store/job.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace kdq {

/// A piece of bytes to be bound as BLOB.
struct Bytes {
  const std::string& bytes;
};

/// A prepared statement that never stays open: an unfinished SELECT would block the next write
/// after a foreign commit. Bound values must live until the call returns.
class Statement {
public:
  /// What cannot be prepared (a user's trigger may call a function that only his shell has) is
  /// tried again where it is used: there the error has a reader.
  Statement(SQLite::Database& database, std::string sql)
      : database_(database), sql_(std::move(sql)) {
    try {
      prepared();
    } catch (const SQLite::Exception&) {
    }
  }

  /// Runs to the end; returns how many rows it changed.
  template <class... Values>
  int run(const Values&... values) {
    SQLite::Statement& statement = prepared();
    const Reset reset{statement};
    bind_all(values...);
    return statement.exec();
  }

  /// Calls `row(Row)` for each row; stops when it returns false.
  template <class OnRow, class... Values>
  void each(OnRow&& row, const Values&... values) {
    SQLite::Statement& statement = prepared();
    const Reset reset{statement};
    bind_all(values...);
    while (statement.executeStep())
      if (!row(statement))
        break;
  }

  /// The first column of all rows.
  template <class... Values>
  std::vector<JobId> ids(const Values&... values) {
    std::vector<JobId> found;
    each(
        [&](SQLite::Statement& row) {
          found.push_back(JobId{row.getColumn(0).getInt64()});
          return true;
        },
        values...);
    return found;
  }

  /// The first column of the first row, if there is a row.
  template <class... Values>
  std::optional<std::int64_t> integer(const Values&... values) {
    SQLite::Statement& statement = prepared();
    const Reset reset{statement};
    bind_all(values...);
    if (!statement.executeStep() || statement.getColumn(0).isNull())
      return std::nullopt;
    return statement.getColumn(0).getInt64();
  }

  template <class... Values>
  std::optional<std::string> text(const Values&... values) {
    SQLite::Statement& statement = prepared();
    const Reset reset{statement};
    bind_all(values...);
    if (!statement.executeStep() || statement.getColumn(0).isNull())
      return std::nullopt;
    return statement.getColumn(0).getString();
  }

private:
  SQLite::Statement& prepared() {
    if (!statement_)
      statement_.emplace(database_, sql_);
    return *statement_;
  }

  // SQLiteCpp's reset() throws the previous step's error again: tryReset() does not. What is bound
  // stays, and is bound anew before the next step.
  struct Reset {
    SQLite::Statement& statement;
    ~Reset() { statement.tryReset(); }
  };

  template <class... Values>
  void bind_all(const Values&... values) {
    int index = 0;
    (bind(++index, values), ...);
  }

  void bind(int index, JobId id) { statement_->bind(index, id.value); }
  void bind(int index, int value) { statement_->bind(index, value); }
  void bind(int index, std::int64_t value) { statement_->bind(index, value); }
  void bind(int index, double value) { statement_->bind(index, value); }
  void bind(int index, std::monostate) { statement_->bind(index); }
  void bind(int index, const std::string& value) { statement_->bindNoCopy(index, value); }
  void bind(int index, WallTime value) {
    if (value != time_ || time_text_.empty()) { // nearly all rows of a transaction have the same
      time_ = value;
      time_text_ = to_text(value);
    }
    statement_->bind(index, time_text_); // a copy: the next parameter may be another time
  }
  template <class Word> // whose to_text() gives literals
  requires std::is_enum_v<Word>
  void bind(int index, Word value) { statement_->bindNoCopy(index, to_text(value).data()); }
  void bind(int index,
            const char* value) = delete; // would become a std::string that is gone at once
  void bind(int index, const std::string* value) {
    if (value)
      bind(index, *value);
    else
      statement_->bind(index);
  }
  void bind(int index, Bytes value) {
    statement_->bindNoCopy(index, value.bytes.data(), static_cast<int>(value.bytes.size()));
  }
  template <class Value>
  void bind(int index, const std::optional<Value>& value) {
    if (value)
      bind(index, *value);
    else
      statement_->bind(index);
  }
  template <class... Options>
  void bind(int index, const std::variant<Options...>& value) {
    std::visit([&](const auto& option) { bind(index, option); }, value);
  }

  SQLite::Database& database_;
  std::string sql_;
  std::optional<SQLite::Statement> statement_;
  WallTime time_{}; ///< the last one bound
  std::string time_text_;
};

} // namespace kdq
