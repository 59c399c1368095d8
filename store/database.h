// One SQLite file under the rules of the design: WAL, short immediate transactions, explicit sync.
#pragma once

#include "store/base/time.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace SQLite {
class Database;
}

namespace kdq {

/// The database cannot be written just now: nothing was changed, and the same call may succeed
/// later.
struct StoreUnavailable : std::runtime_error {
  enum class Cause {
    outside,  ///< locked, disk full, read-only
    refused,  ///< by what a user has put into it, such as a trigger: other changes may be possible
    too_long, ///< the same, and the write lock was held until it was given up
    altered   ///< a user has renamed a table or column of ours: nothing goes on before it is undone
  };
  explicit StoreUnavailable(const std::string& sentence, Cause why = Cause::outside)
      : std::runtime_error(sentence), cause(why) {}
  /// Whatever is tried meets it, not only this change.
  bool is_general() const { return cause == Cause::outside || cause == Cause::altered; }
  Cause cause;
};

/// The schema is not the one that was accepted (Database::accept_schema()): nothing was changed.
struct SchemaChanged : StoreUnavailable {
  using StoreUnavailable::StoreUnavailable;
};

/// The database cannot be used: damaged, replaced, newer than the program, I/O error. Stop, and
/// write nothing more.
struct StoreBroken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The database is sound, but something of ours is not there any more. Stop.
struct StoreIncomplete : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Of a text, a BLOB or a row: more than a job with the longest script that can be allowed, its
/// result and its error have. What is longer is StoreUnavailable.
inline constexpr std::int64_t longest_value_bytes = std::int64_t{128} << 20;

/// The daemon's only connection that writes and checkpoints. Single-threaded.
class Database {
public:
  static constexpr std::chrono::milliseconds usual_busy_timeout{50};
  /// Told how many pages of all are looked at, about every millisecond.
  using Checking = std::function<void(std::int64_t done, std::int64_t total)>;

  /// Opens or creates the file (mode 0660) and brings its schema up to date.
  /// `busy_timeout`: how long one attempt at a transaction waits for another program's lock; short,
  /// because the loop stands still meanwhile. Throws StoreBroken or StoreUnavailable with a
  /// sentence that names the file and the repair.
  /// `checking` hears of the check of a file that is suspect, which takes seconds a gigabyte.
  explicit Database(const std::filesystem::path& file,
                    std::chrono::milliseconds busy_timeout = usual_busy_timeout,
                    const Checking& checking = {});
  /// Takes what was committed into the file, as SQLite does for the last connection; but not if a
  /// new -wal or -shm file stands there, which is another database's by now.
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs `change` in one IMMEDIATE transaction; on a lock it is run again, at most three times, so
  /// it must assign afresh whatever it hands out. `rows`: how many it writes, if they may be
  /// thousands: it is given up (Cause::too_long) when it takes much longer than that needs. Throws
  /// StoreUnavailable, StoreBroken or StoreIncomplete, and then nothing was changed.
  void write(const std::function<void()>& change, std::size_t rows = 0);

  /// The clock by which a change takes too long; without one SQLite's steps are counted.
  void bound_time(std::function<SteadyTime()> now);

  /// How many commits of write() have changed something: one more than before a failure shows that
  /// the database can be written again.
  std::uint64_t commits() const;

  /// Called before each transaction of write(): the place to let others go first.
  void before_write(std::function<void()> yield_to_writers);

  /// For the classes of store/: `last` runs in each transaction of write() as the last thing before
  /// its commit, `undone` after one that was not committed. One pair an owner; null functions
  /// remove it.
  void at_commit(const void* owner, std::function<void()> last, std::function<void()> undone);

  /// Runs `look` on one state of the database, with the errors of write().
  void read(const std::function<void()>& look);

  /// Returns when all commits of write() so far are on disk. Done outside of the transaction, so
  /// that nobody waits for the lock while the disk works. Throws StoreBroken; a failed sync is
  /// never retried, because the kernel may have dropped the pages.
  void durable();

  /// Whether commits of write() have made the write-ahead log so long that checkpoint() is due.
  bool log_is_long() const;
  /// Whether it has grown on since by so much that the checkpoint should not wait any longer.
  bool log_is_too_long() const;
  /// A reader of ours needs the log as it is, or does not any more: a checkpoint would not shorten
  /// it, so none is due.
  void keep_log(bool is_needed);
  bool log_is_kept() const;
  /// Takes the log into the database file as far as readers allow, so that it is begun anew. Takes
  /// the disk's time, without the write lock: to be called where nothing else is due. What fails is
  /// tried again after a later write().
  /// SQLite before 3.51.3 loses commits if another connection makes a checkpoint and begins the log
  /// anew in the midst of ours. So a second connection holds a read snapshot meanwhile: as long as
  /// there is anything to take, the log is not begun anew under a reader, and if there is nothing,
  /// the reader keeps the checkpoint from taking anything.
  void checkpoint();

  /// Whether another connection has committed since the last call; true the first time.
  bool foreign_change();

  /// Whether the schema was written since it was accepted, at first by the constructor. Not only
  /// DDL does that: a file that is restored under a running program (sqlite3's `.restore`) shows by
  /// it alone, as any row may be another's then. write() throws SchemaChanged until it is accepted.
  bool schema_changed();
  /// Whoever calls this looks afterwards at all that he remembers of rows.
  void accept_schema();
  /// Throws StoreIncomplete if a trigger of ours is gone from its table: without it nothing is
  /// refused, but what users write is not followed up.
  void require_triggers();

  /// The size of the write-ahead log's file. It is begun anew after a checkpoint, unless a reader
  /// still needs what is in it.
  std::uintmax_t log_bytes() const;

  /// Which name of the database does not lead to the file that was opened under it any more: its
  /// own, or that of its -wal or -shm file. What is written then is seen by nobody else.
  std::optional<std::filesystem::path> displaced() const;

  const std::filesystem::path& file() const;

  /// Why the constructor would refuse an existing file, as far as its first bytes and its place
  /// show; empty: nothing speaks against it. Not for a process that has it open (SQLite's locks
  /// would go).
  static std::string refusal(const std::filesystem::path& file);

  /// Makes what an existing file of ours lacks, triggers, views and indexes of ours that somebody
  /// has changed as they were, and leaves the rest as it is. Nobody may have it open. Throws as the
  /// constructor does.
  static void complete(const std::filesystem::path& file);

  /// Says in a sound file of ours why the daemon had to stop, as far as it can be written. Nobody
  /// of ours may have it open.
  static void note_stop(const std::filesystem::path& file, const std::string& reason, WallTime now);

  /// Leaves a mark beside the file, so that the next start checks it as a whole before it is used:
  /// for the end after a StoreBroken. A check of every start would take seconds a gigabyte.
  static void suspect(const std::filesystem::path& file);

  /// For the classes of store/ only.
  SQLite::Database& connection();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The version of the SQLite library that is in use, such as `3.40.1`.
std::string_view sqlite_version();

} // namespace kdq
