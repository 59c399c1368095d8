#include "store/database_copy.h"

#include "store/base/file_io.h"
#include "store/base/unique_fd.h"
#include "store/connection.h"
#include "store/schema.h"
#include "store/sound_check.h"
#include "store/statement.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace kdq {
namespace {

namespace fs = std::filesystem;
using Stage = CopyProgress::Stage;
using GoesOn = std::function<bool(const CopyProgress&)>;

constexpr mode_t copy_mode = S_IRUSR | S_IWUSR | S_IRGRP;
// A step reads and writes 256 KiB: about a quarter of a millisecond.
constexpr int pages_a_step = 64;
constexpr int steps_a_write_out = 4;
constexpr std::uintmax_t room_left_bytes = 32u << 20;

[[noreturn]] void fail(const fs::path& target, const std::string& why) {
  throw CopyFailed("no copy could be written to " + target.string() + ": " + why);
}

/// What must not stay: the copy, as long as it has not its name.
class PartFile {
public:
  explicit PartFile(const fs::path& target) : path_(target.string() + ".part") {
    remove();
    fd_ = UniqueFd(
        ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, copy_mode));
    if (!fd_ && errno == ENOENT)
      fail(target, "the folder " + target.parent_path().string() + " does not exist");
    if (!fd_ || ::fchmod(fd_.get(), copy_mode) != 0)
      fail(target, std::strerror(errno));
  }
  ~PartFile() {
    if (!path_.empty())
      remove();
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const fs::path& path() const { return path_; }
  /// Has the disk begin with what was written, and ends when it has what was begun before: whoever
  /// else syncs a file there waits for as little.
  bool write_out() const {
    return ::sync_file_range(fd_.get(), 0, 0,
                             SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE) == 0;
  }
  /// Gives it its name, durably.
  void name(const fs::path& target) {
    if (::fsync(fd_.get()) != 0)
      fail(target, std::strerror(errno));
    if (!rename_to_new(path_, target))
      fail(target, errno == EEXIST ? "there is a file of this name" : std::strerror(errno));
    path_.clear();
    sync_folder(target.parent_path());
  }

private:
  void remove() {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"})
      ::unlink((path_.string() + suffix).c_str());
  }

  fs::path path_;
  UniqueFd fd_;
};

/// For reading: its close must not be a checkpoint either.
std::unique_ptr<SQLite::Database> open_source(const fs::path& source) {
  auto database = std::make_unique<SQLite::Database>(
      source.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX, patient_busy_timeout_ms);
  never_checkpoint(*database);
  database->exec("PRAGMA query_only = ON; PRAGMA mmap_size = 0");
  return database;
}

std::unique_ptr<SQLite::Database> open_part(const PartFile& part) {
  auto database = std::make_unique<SQLite::Database>(
      part.path().string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX | SQLite::OPEN_NOFOLLOW,
      patient_busy_timeout_ms);
  database->exec("PRAGMA synchronous = OFF; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY");
  return database;
}

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

/// A copy that fills the disk of the queue would stop the work.
void require_room(SQLite::Database& from, const PartFile& part) {
  const auto number = [&](const char* sql) { return from.execAndGet(sql).getInt64(); };
  const auto wanted =
      static_cast<std::uintmax_t>(number("PRAGMA page_count") * number("PRAGMA page_size"));
  std::error_code problem;
  const fs::space_info disk = fs::space(part.path().parent_path(), problem);
  if (!problem && disk.available < wanted + room_left_bytes)
    throw CopyFailed("there is too little space in " + part.path().parent_path().string() +
                     ": a copy needs " + std::to_string(wanted >> 20) + " MB and leaves " +
                     std::to_string(room_left_bytes >> 20) + ", there are " +
                     std::to_string(disk.available >> 20));
}

/// Under one read transaction, so that no commit of others begins it anew.
bool copy_pages(const fs::path& source, const PartFile& part, const GoesOn& goes_on) {
  const auto from = open_source(source);
  from->exec("BEGIN");
  if (const std::string refusal = foreign_file(*from, source.string()); !refusal.empty())
    throw CopyFailed(refusal);
  require_room(*from, part);
  const auto to = open_part(part);
  to->exec("PRAGMA journal_mode = OFF");
  const std::unique_ptr<sqlite3_backup, FinishBackup> backup(
      sqlite3_backup_init(to->getHandle(), "main", from->getHandle(), "main"));
  if (!backup)
    throw SQLite::Exception(to->getHandle());
  for (int step = 1;; ++step) {
    const int code = sqlite3_backup_step(backup.get(), pages_a_step);
    if (code == SQLITE_DONE)
      return true;
    if (code != SQLITE_OK)
      throw SQLite::Exception("its pages cannot be copied: " + std::string(sqlite3_errstr(code)),
                              code);
    if (step % steps_a_write_out == 0 && !part.write_out())
      throw CopyFailed("the disk of " + part.path().string() +
                       " did not confirm a write: " + std::strerror(errno));
    const std::int64_t total = sqlite3_backup_pagecount(backup.get());
    if (!goes_on({Stage::copying, total - sqlite3_backup_remaining(backup.get()), total}))
      return false;
  }
}

/// A file by itself, without others beside it, that says what it is.
void mark(SQLite::Database& copy, std::optional<WallTime> made_at) {
  copy.exec("PRAGMA journal_mode = DELETE");
  Statement(copy,
            "INSERT INTO generation(one, queue, number, backup_of) VALUES (1, '', 0, coalesce(?1, "
            "(SELECT max(coalesce(seen_at, ''), coalesce(started_at, ''), coalesce(stopped_at, "
            "'')) FROM daemon), '')) ON CONFLICT DO UPDATE SET "
            "backup_of = coalesce(backup_of, excluded.backup_of)")
      .run(made_at);
}

/// Marks it, and checks it as a whole. Empty: it is sound. Nothing: it was given up.
std::optional<std::string> damage_of(const PartFile& part, std::optional<WallTime> made_at,
                                     const GoesOn& goes_on) {
  const auto database = open_part(part);
  SQLite::Database& copy = *database;
  mark(copy, made_at);
  return quick_check(copy, [&](std::int64_t done, std::int64_t total) {
    return goes_on({Stage::checking, done, total});
  });
}

} // namespace

bool copy_database(const fs::path& source, const fs::path& wanted, std::optional<WallTime> made_at,
                   const GoesOn& goes_on) {
  // Its folder may be a link, the file itself not.
  std::error_code ignored;
  const fs::path target = fs::weakly_canonical(wanted.parent_path(), ignored) / wanted.filename();
  struct stat info {};
  if (::lstat(target.c_str(), &info) == 0)
    fail(target, "there is a file of this name");
  try {
    PartFile part(target);
    if (!copy_pages(source, part, goes_on))
      return false;
    const auto damage = damage_of(part, made_at, goes_on);
    if (!damage)
      return false;
    if (!damage->empty())
      throw CopyFailed("the copy of " + source.string() +
                       " is damaged, so the database may be: " + *damage + " (to look: sqlite3 " +
                       source.string() + " 'PRAGMA integrity_check')");
    part.name(target);
    return true;
  } catch (const SQLite::Exception& error) {
    throw CopyFailed(source.string() + " cannot be copied to " + target.string() + ": " +
                     error.what());
  }
}

} // namespace kdq
