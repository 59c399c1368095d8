// The user's side: a connection of its own, as any SQLite client has one.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kdq::test {

class User {
public:
  explicit User(const std::filesystem::path& file, const std::string& vfs = {})
      : database_(file.string(), SQLite::OPEN_READWRITE, 2000, vfs) {}

  /// Runs a statement; returns the message of the refusal, empty if there was none.
  std::string attempt(const std::string& sql) {
    try {
      database_.exec(sql);
      return {};
    } catch (const SQLite::Exception& error) {
      return error.what();
    }
  }
  void exec(const std::string& sql) { database_.exec(sql); }
  /// Runs a statement in which each ? is this text.
  void exec_with(const std::string& sql, const std::string& text) {
    SQLite::Statement statement(database_, sql);
    for (int i = 1; i <= statement.getBindParameterCount(); ++i)
      statement.bind(i, text);
    statement.exec();
  }
  std::string text(const std::string& sql) {
    SQLite::Statement query(database_, sql);
    return query.executeStep() ? query.getColumn(0).getString() : "(no row)";
  }
  std::int64_t number(const std::string& sql) {
    SQLite::Statement query(database_, sql);
    return query.executeStep() ? query.getColumn(0).getInt64() : -1;
  }
  /// The first column of all rows.
  std::vector<std::string> column(const std::string& sql) {
    SQLite::Statement query(database_, sql);
    std::vector<std::string> values;
    while (query.executeStep())
      values.push_back(query.getColumn(0).getString());
    return values;
  }
  /// Enqueues with plain values; returns the job's id.
  std::int64_t enqueue(const std::string& file, const std::string& script,
                       const std::string& name) {
    SQLite::Statement insert(database_,
                             "INSERT INTO jobs(file_token, script, script_name) VALUES (?, ?, ?)");
    insert.bind(1, file);
    insert.bind(2, script);
    insert.bind(3, name);
    insert.exec();
    return database_.getLastInsertRowid();
  }
  SQLite::Database& connection() { return database_; }

private:
  SQLite::Database database_;
};

} // namespace kdq::test
