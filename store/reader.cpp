#include "store/reader.h"

#include "store/base/encoding.h"
#include "store/base/file_names.h"
#include "store/bind_value.h"
#include "store/connection.h"
#include "store/database.h"
#include "store/network_file.h"
#include "store/restore_file.h"
#include "store/schema.h"
#include "store/store_error.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <utility>

namespace kdq {
namespace {

// A read keeps the log beside the database from being taken into it: it must not last. Two million
// instructions of SQLite's machine are about 40 ms here.
constexpr int instructions_per_look = 1000;
constexpr int most_looks = 2000;
// A step of rows that lie far apart takes a hundred times as long, by reading their pages. Not
// less: on a busy machine a read of 5 ms waits for the processor for ten times as long.
constexpr std::chrono::milliseconds longest_read{2000};
constexpr std::size_t most_bytes = 16u << 20;
constexpr std::size_t most_statements = 64; // each filter of a list is a statement of its own
constexpr int cache_kib = 1024;

std::filesystem::path log_of(const std::filesystem::path& file) {
  return file.string() + "-wal";
}

bool file_exists(const std::filesystem::path& file) {
  std::error_code problem;
  return std::filesystem::exists(file, problem);
}

/// A path in a URI of SQLite.
std::string uri_of(const std::filesystem::path& file) {
  constexpr KeptBytes kept("/-._~");
  std::string uri = "file:";
  append_encoded(uri, std::filesystem::absolute(file).native(), kept);
  return uri;
}

/// Where this user may not write beside the database and its log is not there, because nobody has
/// it open, SQLite cannot make one: then the file is all there is, and nobody changes it.
bool is_closed_to_us(const SQLite::Exception& error, const std::filesystem::path& file) {
  const int code = primary_code(error);
  return (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && file_exists(file) &&
         !file_exists(log_of(file));
}

Value value_of(const SQLite::Column& column) {
  if (column.isNull())
    return {};
  if (column.isInteger())
    return column.getInt64();
  if (column.isFloat())
    return column.getDouble();
  return column.getString();
}

std::size_t size_of(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return sizeof(Value) + (text ? text->size() : 0);
}

/// What a read may still take.
struct ReadLeft {
  std::function<SteadyTime()> clock; ///< none: its time does not matter
  int steps = most_looks;
  SteadyTime until = SteadyTime::max();

  void begin() {
    steps = most_looks;
    until = clock ? clock() + longest_read : SteadyTime::max();
  }
  bool is_late() const { return clock && clock() > until; }
  bool is_over() { return --steps < 0 || is_late(); }
};

} // namespace

Row::Row(std::shared_ptr<const std::vector<std::string>> names, std::vector<Value> values)
    : names_(std::move(names)), values_(std::move(values)) {}

const Value& Row::at(std::string_view name) const {
  const auto found = std::find(names_->begin(), names_->end(), name);
  if (found == names_->end())
    throw std::out_of_range("no column " + std::string(name));
  return values_[static_cast<std::size_t>(found - names_->begin())];
}

bool Row::is_null(std::string_view name) const {
  return std::holds_alternative<std::monostate>(at(name));
}

std::string Row::text(std::string_view name) const {
  const Value& value = at(name);
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value))
    return std::to_string(*number);
  const auto* text = std::get_if<std::string>(&value);
  return text ? *text : std::string();
}

std::int64_t Row::integer(std::string_view name) const {
  const auto* integer = std::get_if<std::int64_t>(&at(name));
  return integer ? *integer : 0;
}

double Row::number(std::string_view name) const {
  const auto* number = std::get_if<double>(&at(name));
  return number ? *number : static_cast<double>(integer(name));
}

struct Reader::Impl {
  Impl(const std::filesystem::path& path, std::function<SteadyTime()> clock) : file(path) {
    left.clock = std::move(clock);
    const int flags = SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX | SQLite::OPEN_URI;
    try {
      open(uri_of(file), flags);
    } catch (const SQLite::Exception& error) {
      if (!is_closed_to_us(error, file))
        throw;
      db.reset();
      open(uri_of(file) + "?immutable=1", flags);
      alone = true;
    }
    name.remember(file);
  }

  void open(const std::string& uri, int flags) {
    db.emplace(uri, flags, patient_busy_timeout_ms);
    never_checkpoint(*db);
    sqlite3_limit(db->getHandle(), SQLITE_LIMIT_LENGTH, static_cast<int>(longest_value_bytes));
    sqlite3_progress_handler(
        db->getHandle(), instructions_per_look,
        [](void* read) { return static_cast<ReadLeft*>(read)->is_over() ? 1 : 0; }, &left);
    db->exec("PRAGMA query_only = 1; PRAGMA cache_size = -" + std::to_string(cache_kib));
    db->exec("SELECT count(*) FROM sqlite_schema"); // only now the file is opened
  }

  SQLite::Statement& prepared(std::string_view sql) {
    if (const auto found = statements.find(sql); found != statements.end())
      return found->second;
    if (statements.size() >= most_statements)
      statements.clear();
    std::string text(sql);
    SQLite::Statement statement(*db, text);
    return statements.emplace(std::move(text), std::move(statement)).first->second;
  }

  using Blob = std::unique_ptr<sqlite3_blob, int (*)(sqlite3_blob*)>;

  /// Null: there is no such row, or its value is neither a text nor a BLOB.
  Blob open_value(const std::string& table, const std::string& column, std::int64_t rowid) {
    sqlite3_blob* blob = nullptr;
    const int code =
        sqlite3_blob_open(db->getHandle(), "main", table.c_str(), column.c_str(), rowid, 0, &blob);
    if (code != SQLITE_OK && code != SQLITE_ERROR)
      throw SQLite::Exception(db->getHandle(), code);
    return {blob, sqlite3_blob_close};
  }

  /// What SQLite says, as one of our kinds of trouble.
  [[noreturn]] void rethrow_as_ours(const SQLite::Exception& error) {
    if (primary_code(error) == SQLITE_INTERRUPT)
      throw ReadTooLong("the database was read for too long");
    rethrow(error, file, nullptr);
  }

  std::filesystem::path file;
  FileNames name;
  bool alone = false; ///< nobody has it open, as far as was seen: SQLite takes no locks
  ReadLeft left;
  std::size_t bytes_left = most_bytes;
  std::optional<SQLite::Database> db;
  std::map<std::string, SQLite::Statement, std::less<>> statements;
  std::optional<std::int64_t> seen_version;
};

Reader::Reader(const std::filesystem::path& file, std::function<SteadyTime()> clock) {
  if (!file_exists(file))
    throw StoreUnavailable("there is no database " + file.string() +
                           ": name the queue's, or start kdocs-queued, which makes it");
  for (const std::string& refusal : {network_refusal(file), unfinished_restore(file)})
    if (!refusal.empty())
      throw StoreBroken(refusal);
  try {
    impl_ = std::make_unique<Impl>(file, std::move(clock));
    if (const std::string refusal = foreign_file(*impl_->db, file.string()); !refusal.empty())
      throw StoreBroken(refusal);
  } catch (const SQLite::Exception& error) {
    rethrow(error, file, nullptr);
  }
}

Reader::~Reader() = default;

void Reader::read(const std::function<void(Snapshot&)>& work) {
  impl_->left.begin();
  impl_->bytes_left = most_bytes;
  const auto end = [this] {
    impl_->left.begin();
    if (sqlite3_get_autocommit(impl_->db->getHandle()) == 0)
      impl_->db->tryExec("ROLLBACK");
  };
  try {
    impl_->db->exec("BEGIN");
    Snapshot snapshot(*this);
    work(snapshot);
    end();
  } catch (const SQLite::Exception& error) {
    end();
    impl_->rethrow_as_ours(error);
  } catch (...) {
    end();
    throw;
  }
}

std::vector<Row> Reader::Snapshot::rows(std::string_view sql, const std::vector<Value>& bound) {
  Impl& impl = *reader_.impl_;
  SQLite::Statement& statement = impl.prepared(sql);
  struct Reset { // an unfinished SELECT would keep the state for ever
    SQLite::Statement& statement;
    ~Reset() {
      statement.tryReset();
      statement.clearBindings();
    }
  } const reset{statement};
  bind_values(statement, bound);
  const int columns = statement.getColumnCount();
  auto names = std::make_shared<std::vector<std::string>>();
  for (int i = 0; i < columns; ++i)
    names->emplace_back(statement.getColumnName(i));
  std::vector<Row> found;
  while (statement.executeStep()) {
    std::vector<Value> values;
    values.reserve(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) {
      values.push_back(value_of(statement.getColumn(i)));
      const std::size_t bytes = size_of(values.back());
      if (bytes > impl.bytes_left)
        throw ReadTooLong("more was to be read than can be shown");
      impl.bytes_left -= bytes;
    }
    found.emplace_back(names, std::move(values));
    if (impl.left.is_late()) // few instructions read much, if the values are long
      throw ReadTooLong("the database was read for too long");
  }
  return found;
}

std::optional<Row> Reader::Snapshot::row(std::string_view sql, const std::vector<Value>& bound) {
  std::vector<Row> found = rows(sql, bound);
  if (found.empty())
    return std::nullopt;
  return std::move(found.front());
}

std::string Reader::piece(const std::string& table, const std::string& column, std::int64_t rowid,
                          std::int64_t offset, std::int64_t most) {
  impl_->left.begin();
  try {
    const Impl::Blob blob = impl_->open_value(table, column, rowid);
    const std::int64_t left = blob ? sqlite3_blob_bytes(blob.get()) - offset : 0;
    if (offset < 0 || left <= 0)
      return {};
    std::string piece(static_cast<std::size_t>(std::min(left, most)), '\0');
    if (const int read = sqlite3_blob_read(blob.get(), piece.data(), static_cast<int>(piece.size()),
                                           static_cast<int>(offset));
        read != SQLITE_OK)
      throw SQLite::Exception(impl_->db->getHandle(), read);
    return piece;
  } catch (const SQLite::Exception& error) {
    impl_->rethrow_as_ours(error);
  }
}

std::optional<std::int64_t> Reader::bytes_of(const std::string& table, const std::string& column,
                                             std::int64_t rowid) {
  impl_->left.begin();
  try {
    if (const Impl::Blob blob = impl_->open_value(table, column, rowid))
      return sqlite3_blob_bytes(blob.get());
    return std::nullopt;
  } catch (const SQLite::Exception& error) {
    impl_->rethrow_as_ours(error);
  }
}

bool Reader::changed() {
  std::int64_t version = 0;
  read([&](Snapshot& snapshot) {
    version = snapshot.row("SELECT data_version FROM pragma_data_version")->integer("data_version");
  });
  return std::exchange(impl_->seen_version, version) != version;
}

bool Reader::is_outdated() const {
  return impl_->name.changed().has_value() || (impl_->alone && file_exists(log_of(impl_->file)));
}

} // namespace kdq
