// Reads of the queue for a program that shows it: whatever SELECT, bounded in time and size.
#pragma once

#include "store/base/time.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kdq {

/// A value of the database; a BLOB is a string of its bytes.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

/// What a SELECT gave. Names are those of its columns.
class Row {
public:
  Row(std::shared_ptr<const std::vector<std::string>> names, std::vector<Value> values);

  /// These throw std::out_of_range if there is no such column.
  const Value& at(std::string_view name) const;
  bool is_null(std::string_view name) const;
  /// NULL: an empty text, 0.
  std::string text(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;

  const std::vector<std::string>& names() const { return *names_; }
  const std::vector<Value>& values() const { return values_; }

private:
  std::shared_ptr<const std::vector<std::string>> names_;
  std::vector<Value> values_;
};

/// The read took too long and was given up.
struct ReadTooLong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A connection that reads: it writes nothing, makes no checkpoint, and no transaction outlives a
/// call. For one thread at a time.
class Reader {
public:
  /// One state of the database, while Reader::read() runs.
  class Snapshot {
  public:
    /// Rows of a SELECT; `bound` are ?1, ?2, …
    std::vector<Row> rows(std::string_view sql, const std::vector<Value>& bound = {});
    /// The first of them.
    std::optional<Row> row(std::string_view sql, const std::vector<Value>& bound = {});

  private:
    friend class Reader;
    explicit Snapshot(Reader& reader) : reader_(reader) {}
    Reader& reader_;
  };

  /// The file must be there. Throws StoreUnavailable or StoreBroken (store/database.h).
  /// With a clock a read is bounded by its time as well.
  explicit Reader(const std::filesystem::path& file, std::function<SteadyTime()> clock = {});
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Runs `work` on one state. Of all its rows together at most 16 MiB are given out: what is
  /// longer throws ReadTooLong, as does a read of more than two million instructions of SQLite's
  /// machine (about 40 ms) or, by the clock, of more than 2 s.
  /// Throws StoreUnavailable, StoreBroken or StoreIncomplete as well.
  void read(const std::function<void(Snapshot&)>& work);

  /// Up to `most` bytes of a text or BLOB from `offset` on: of jobs.script, for example. Empty:
  /// none are left, or there is no such value. Throws as read().
  std::string piece(const std::string& table, const std::string& column, std::int64_t rowid,
                    std::int64_t offset, std::int64_t most);
  /// How many bytes such a value has; nothing: there is none. Throws as read().
  std::optional<std::int64_t> bytes_of(const std::string& table, const std::string& column,
                                       std::int64_t rowid);

  /// Whether another connection has committed since the last call; true the first time.
  bool changed();

  /// Whether the file's name leads to another file by now, or the file is read in another way by
  /// now: a new Reader is needed.
  bool is_outdated() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
