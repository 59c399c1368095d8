#include "store/database.h"

#include "store/base/file_io.h"
#include "store/base/file_names.h"
#include "store/base/sibling_file.h"
#include "store/connection.h"
#include "store/memory_limit.h"
#include "store/network_file.h"
#include "store/restore_file.h"
#include "store/schema.h"
#include "store/schema_objects.h"
#include "store/sound_check.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

namespace kdq {
namespace {

// A trigger that a user planted and that never ends would hold the write lock for ever: a
// transaction is given up after so long. Each row that is asked for may take its part.
constexpr std::chrono::milliseconds longest_write = std::chrono::seconds(1);
constexpr std::chrono::microseconds longest_write_of_row{100};
// Some of SQLite's instructions copy megabytes: the clock is read often.
constexpr int instructions_per_check = 1000;
// The same without a clock, or with one that stands still; instructions are counted in checks.
constexpr int checks_per_write = 20'000;
constexpr int checks_per_row = 10;
constexpr int checks_per_read = 200'000; // it holds no lock
// All of SQLite's memory: the longest row that is legal (see longest_value_bytes), read, written
// anew, and once more as what a statement with triggers can undo.
constexpr std::int64_t most_memory_bytes = std::int64_t{512} << 20;
constexpr std::array log_suffixes{"-wal", "-shm"};
constexpr int write_attempts = 3;
// Between two tries for a lock: SQLite's own handler pauses up to 25 ms, and a request that is due
// would wait as long after the lock is free.
constexpr std::chrono::milliseconds lock_retry{1};
// Each new round of the log syncs its header under the lock: few rounds, yet always well before the
// 1000 pages at which other programs would begin to checkpoint, too (SQLite before 3.51.3 can lose
// rows with two who do).
constexpr int long_log_pages = 600;
// By which a long log may grow before it cannot wait any more; still below those 1000.
constexpr int patience_pages = 250;

/// Creates the file before SQLite does: SQLite would give it 0644 less the umask, and then members
/// of the group could not INSERT. The -wal and -shm files take the mode of this one.
void create_if_missing(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0660);
  if (fd < 0) {
    if (errno == EEXIST)
      return;
    const std::string reason = std::strerror(errno);
    const std::filesystem::path folder = file.parent_path();
    if (!std::filesystem::is_directory(folder))
      throw StoreBroken("cannot create " + file.string() + ": the folder " + folder.string() +
                        " does not exist. Repair: mkdir -m 2770 -p " + folder.string());
    throw StoreUnavailable("cannot create " + file.string() + ": " + reason + "; " +
                           permission_sentence(file));
  }
  fchmod(fd, 0660); // whatever the umask is
  fsync(fd);
  close(fd);
  sync_folder(file.parent_path());
}

/// Stands beside a database that failed its last user.
std::filesystem::path mark_of(std::filesystem::path file) {
  return file += ".suspect";
}

/// Settings of the library, to be made before its first use; later they are refused, which only
/// costs time, and the bound of its memory.
void configure_sqlite() {
  static std::once_flag once;
  std::call_once(once, [] {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    // The undo log of a statement with triggers is allocated anew for each, by default 64 KiB of
    // it.
    sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
    limit_sqlite_memory(most_memory_bytes);
  });
}

} // namespace

struct Database::Impl {
  std::filesystem::path file;
  FileNames names; ///< the file itself, -wal and -shm
  std::unique_ptr<SQLite::Database> connection;
  std::unique_ptr<SQLite::Database> pin; ///< only reads; closed before the other
  std::unique_ptr<Statement> data_version;
  std::unique_ptr<Statement> schema_version;
  std::unique_ptr<Statement> look;
  std::unique_ptr<Statement> begin;
  std::unique_ptr<Statement> commit;
  std::unique_ptr<Statement> pin_begin;
  std::unique_ptr<Statement> pin_look;
  std::unique_ptr<Statement> pin_end;
  std::optional<std::int64_t> seen_version;
  std::optional<std::int64_t> accepted_schema;
  std::function<void()> yield_to_writers = [] {};
  struct Part {
    std::function<void()> last;
    std::function<void()> undone;
  };
  std::map<const void*, Part> parts; ///< by owner
  std::function<SteadyTime()> now;
  SteadyTime give_up_at = SteadyTime::max();
  int checks_left = checks_per_read;
  bool undurable = false;    ///< something was committed since the last sync
  std::uint64_t commits = 0; ///< of ours that changed something
  int log_pages = 0;         ///< of the log at our last commit; 0: checkpointed since
  int became_long_at = 0;    ///< log_pages when a checkpoint became due; 0: it is not
  int lock_tries = 0;        ///< of one attempt at a transaction
  bool log_is_kept = false;  ///< by a reader of ours

  static int on_progress(void* self) {
    auto& impl = *static_cast<Impl*>(self);
    const bool is_timed = impl.give_up_at != SteadyTime::max();
    return --impl.checks_left < 0 || (is_timed && impl.now() >= impl.give_up_at) ? 1 : 0;
  }

  static int on_busy(void* self, int tries) {
    if (tries >= static_cast<Impl*>(self)->lock_tries)
      return 0;
    std::this_thread::sleep_for(lock_retry);
    return 1;
  }
  static int on_commit(void* self, sqlite3*, const char*, int pages) {
    auto& impl = *static_cast<Impl*>(self);
    ++impl.commits;
    impl.log_pages = pages;
    if (pages < long_log_pages)
      impl.became_long_at = 0; // begun anew: another connection has made a checkpoint
    else if (impl.became_long_at == 0)
      impl.became_long_at = pages;
    return SQLITE_OK;
  }

  void open(std::chrono::milliseconds busy_timeout, const Checking& checking);
  void open_pin();
  void check_if_suspect(const Checking& checking);
  void bound_write(std::size_t rows);
  void bound_read();
  bool try_write(const std::function<void()>& change, std::size_t rows);
  void roll_back();
  std::optional<std::int64_t> number(Statement& pragma);
};

void Database::Impl::open(std::chrono::milliseconds busy_timeout, const Checking& checking) {
  connection = std::make_unique<SQLite::Database>(
      file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX, patient_busy_timeout_ms);
  SQLite::Database& db = *connection;
  sqlite3* handle = db.getHandle();
  sqlite3_extended_result_codes(handle, 1);
  if (db.execAndGet("PRAGMA journal_mode = WAL").getString() != "wal")
    throw StoreBroken(file.string() + " cannot be put into WAL mode: another program has it open "
                                      "in another journal mode; close that program");
  db.exec("PRAGMA foreign_keys = ON");
  // NORMAL and an explicit durable(): the disk works while nobody waits for the lock.
  db.exec("PRAGMA synchronous = NORMAL;"
          "PRAGMA journal_size_limit = 16777216;"
          "PRAGMA temp_store = MEMORY;"
          // Freed pages are not overwritten: a long script would keep the lock five times as long.
          "PRAGMA secure_delete = FAST;"
          "PRAGMA mmap_size = 0;");
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, static_cast<int>(longest_value_bytes));
  require_schema(db, file.string());
  check_if_suspect(checking);
  require_whole(db, file);
  // Not earlier: a check may take its time.
  sqlite3_progress_handler(handle, instructions_per_check, on_progress, this);
  data_version = std::make_unique<Statement>(db, "PRAGMA data_version");
  schema_version = std::make_unique<Statement>(db, "PRAGMA schema_version");
  look = std::make_unique<Statement>(db, "BEGIN");
  begin = std::make_unique<Statement>(db, "BEGIN IMMEDIATE");
  commit = std::make_unique<Statement>(db, "COMMIT");
  lock_tries = static_cast<int>(busy_timeout / lock_retry);
  sqlite3_busy_handler(handle, on_busy, this);
  sqlite3_wal_hook(handle, on_commit, this); // in the place of an automatic checkpoint
  open_pin();
}

void Database::Impl::open_pin() {
  pin = std::make_unique<SQLite::Database>(
      file.string(), SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX, patient_busy_timeout_ms);
  pin_begin = std::make_unique<Statement>(*pin, "BEGIN");
  pin_look = std::make_unique<Statement>(*pin, "PRAGMA user_version"); // reads no table
  pin_end = std::make_unique<Statement>(*pin, "COMMIT");
}

void Database::Impl::check_if_suspect(const Checking& checking) {
  const std::filesystem::path mark = mark_of(file);
  std::error_code ignored;
  if (!std::filesystem::exists(mark, ignored))
    return;
  const auto found = quick_check(*connection, [&](std::int64_t done, std::int64_t total) {
    if (checking)
      checking(done, total);
    return true;
  });
  if (!found->empty())
    throw StoreBroken(file.string() + " is damaged: " + *found +
                      ". Restore a backup, or move it away to start with an empty queue");
  std::filesystem::remove(mark, ignored);
}

void Database::suspect(const std::filesystem::path& file) {
  open_sibling(mark_of(file), O_CREAT | O_WRONLY);
}

Database::Database(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout,
                   const Checking& checking)
    : impl_(std::make_unique<Impl>()) {
  configure_sqlite();
  impl_->file = std::filesystem::absolute(file);
  if (const std::string unfinished = unfinished_restore(impl_->file); !unfinished.empty())
    throw StoreBroken(unfinished);
  create_if_missing(impl_->file);
  if (const std::string refusal = network_refusal(impl_->file); !refusal.empty())
    throw StoreBroken(refusal);
  impl_->names.remember(impl_->file);
  try {
    impl_->open(busy_timeout, checking);
    for (const char* suffix : log_suffixes)
      impl_->names.remember(impl_->file.string() + suffix);
  } catch (const SQLite::Exception& error) {
    rethrow(error, impl_->file, impl_->connection.get());
  }
}

Database::~Database() {
  sqlite3* handle = impl_->connection->getHandle();
  for (const char* suffix : log_suffixes)
    if (impl_->names.leads_to_other(impl_->file.string() + suffix)) {
      int keep = 1;
      sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
      sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    }
}

const std::filesystem::path& Database::file() const {
  return impl_->file;
}

SQLite::Database& Database::connection() {
  return *impl_->connection;
}

/// Some errors end the transaction by themselves; what is open after any of them is undone.
void Database::Impl::roll_back() {
  if (sqlite3_get_autocommit(connection->getHandle()) == 0)
    connection->tryExec("ROLLBACK");
}

/// Outside of a transaction.
std::optional<std::int64_t> Database::Impl::number(Statement& pragma) {
  try {
    return pragma.integer();
  } catch (const SQLite::Exception& error) {
    rethrow(error, file, connection.get());
  }
}

void Database::Impl::bound_write(std::size_t rows) {
  const auto asked = static_cast<std::int64_t>(rows);
  checks_left = checks_per_write +
                static_cast<int>(std::min<std::int64_t>(asked * checks_per_row, checks_per_read));
  if (now)
    give_up_at =
        now() + longest_write +
        std::chrono::duration_cast<std::chrono::milliseconds>(longest_write_of_row * asked);
}

void Database::Impl::bound_read() {
  checks_left = checks_per_read;
  give_up_at = SteadyTime::max();
}

/// False: another program has the lock and nothing was done.
bool Database::Impl::try_write(const std::function<void()>& change, std::size_t rows) {
  try {
    yield_to_writers();
    bound_read(); // as long as others have the lock, nobody waits for ours
    begin->run();
    bound_write(rows);
    if (accepted_schema && schema_version->integer() != accepted_schema)
      throw SchemaChanged(file.string() + " was restored or its schema changed just now");
    change();
    for (auto& [owner, part] : parts)
      part.last();
    commit->run();
    undurable = true;
    bound_read();
    return true;
  } catch (...) {
    bound_read();
    roll_back();
    for (auto& [owner, part] : parts)
      part.undone();
    try {
      throw;
    } catch (const SQLite::Exception& error) {
      if (primary_code(error) == SQLITE_BUSY)
        return false;
      rethrow(error, file, connection.get());
    }
  }
}

void Database::write(const std::function<void()>& change, std::size_t rows) {
  for (int attempt = 0; attempt < write_attempts; ++attempt)
    if (impl_->try_write(change, rows))
      return;
  throw StoreUnavailable(impl_->file.string() + " is locked by another program");
}

void Database::bound_time(std::function<SteadyTime()> now) {
  impl_->now = std::move(now);
}

void Database::before_write(std::function<void()> yield_to_writers) {
  impl_->yield_to_writers = std::move(yield_to_writers);
}

void Database::at_commit(const void* owner, std::function<void()> last,
                         std::function<void()> undone) {
  if (last)
    impl_->parts.insert_or_assign(owner, Impl::Part{std::move(last), std::move(undone)});
  else
    impl_->parts.erase(owner);
}

void Database::read(const std::function<void()>& look) {
  try {
    impl_->bound_read();
    impl_->look->run();
    look();
    impl_->commit->run();
  } catch (...) {
    impl_->bound_read();
    impl_->roll_back();
    try {
      throw;
    } catch (const SQLite::Exception& error) {
      rethrow(error, impl_->file, impl_->connection.get());
    }
  }
}

void Database::durable() {
  if (!impl_->undurable)
    return;
  sqlite3_file* wal = nullptr;
  sqlite3_file_control(impl_->connection->getHandle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  if (wal == nullptr || wal->pMethods == nullptr)
    return; // no write-ahead log yet: nothing was committed
  const int code = wal->pMethods->xSync(wal, SQLITE_SYNC_FULL);
  if (code != SQLITE_OK)
    throw StoreBroken(impl_->file.string() + ": the disk did not confirm a write (code " +
                      std::to_string(code) + ")");
  impl_->undurable = false;
}

std::uint64_t Database::commits() const {
  return impl_->commits;
}

bool Database::log_is_long() const {
  return impl_->became_long_at > 0 && !impl_->log_is_kept;
}

void Database::keep_log(bool is_needed) {
  impl_->log_is_kept = is_needed;
}

bool Database::log_is_kept() const {
  return impl_->log_is_kept;
}

bool Database::log_is_too_long() const {
  return log_is_long() && impl_->log_pages - impl_->became_long_at >= patience_pages;
}

void Database::checkpoint() {
  Impl& impl = *impl_;
  try {
    impl.pin_begin->run();
    impl.pin_look->integer();
    sqlite3_wal_checkpoint_v2(impl.connection->getHandle(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                              nullptr, nullptr);
    impl.pin_end->run();
  } catch (const SQLite::Exception&) {
    impl.pin->tryExec("ROLLBACK");
  }
  impl.log_pages = 0;
  impl.became_long_at = 0;
}

bool Database::foreign_change() {
  const auto version = impl_->number(*impl_->data_version);
  const bool changed = version != impl_->seen_version;
  impl_->seen_version = version;
  return changed;
}

bool Database::schema_changed() {
  return impl_->accepted_schema && impl_->number(*impl_->schema_version) != impl_->accepted_schema;
}

void Database::accept_schema() {
  impl_->accepted_schema = impl_->number(*impl_->schema_version);
}

void Database::require_triggers() {
  bool lacks_one = false;
  read([&] {
    const std::vector<SchemaObject> missing = missing_objects(*impl_->connection);
    // One that went with its table is told where the table is needed.
    const auto is_gone = [&](const std::string& table) {
      return std::any_of(missing.begin(), missing.end(),
                         [&](const SchemaObject& object) { return object.name == table; });
    };
    lacks_one = std::any_of(missing.begin(), missing.end(), [&](const SchemaObject& object) {
      return object.type == "trigger" && !is_gone(object.table);
    });
  });
  if (lacks_one)
    require_whole(*impl_->connection, impl_->file);
}

std::uintmax_t Database::log_bytes() const {
  struct stat info {};
  return stat((impl_->file.string() + "-wal").c_str(), &info) == 0
             ? static_cast<std::uintmax_t>(info.st_size)
             : 0;
}

std::optional<std::filesystem::path> Database::displaced() const {
  return impl_->names.changed();
}

std::string_view sqlite_version() {
  return sqlite3_libversion();
}

} // namespace kdq
