// Two who take the write-ahead log into the file at the same time: SQLite before 3.51.3 can lose
// acknowledged commits then (sqlite.org/wal.html, the WAL-reset bug). Ours must not be one of them.
#include "store/database.h"
#include "tests/store/interposed_vfs.h"
#include "tests/support/temp_dir.h"
#include "tests/support/user.h"

#include <SQLiteCpp/Database.h>
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <functional>
#include <string>

using namespace kdq;
using namespace kdq::test;

namespace {

/// A log that is taken into the file already, then a checkpoint in the midst of which a user
/// writes.
struct Interleaving {
  static constexpr int rows_before = 30;
  static constexpr int rows_after = 5;

  InterposedVfs vfs; // the connections that are opened from now on are the daemon's
  TempDir dir;
  std::filesystem::path file = dir.path() / "queue.db";
  Database database{file};
  User user{file, "unix"};
  int commits = 0; ///< of the user; all were acknowledged

  Interleaving() {
    user.exec("PRAGMA wal_autocheckpoint = 0");
    for (int i = 0; i < rows_before; ++i)
      insert();
    user.exec("PRAGMA wal_checkpoint"); // any user may, by hand or by an INSERT of many rows
  }
  void insert() {
    user.exec("INSERT INTO jobs(file_token, script, unique_key) VALUES ('f', 's', 'key " +
              std::to_string(++commits) + "')");
  }
  /// What is lost once all has been taken into the file; empty: nothing.
  std::string damage() {
    for (int i = 0; i < rows_after; ++i)
      insert();
    user.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    insert();
    User reader(file, "unix"); // the other's cache still has what is gone
    const std::string check = reader.text("PRAGMA integrity_check(1)");
    if (check != "ok")
      return check;
    const auto rows = reader.number("SELECT count(*) FROM jobs");
    return rows == commits ? "" : std::to_string(commits - rows) + " rows are gone";
  }
};

using Checkpoint = std::function<void(Database&)>;

/// Lets the user write at each of the calls that a checkpoint makes of the operating system; says
/// at how many of them something was lost.
int losses(const Checkpoint& checkpoint, std::string& first) {
  int lost = 0;
  int points = 0;
  for (int at = 0; at <= points; ++at) {
    Interleaving run;
    int calls = 0;
    run.vfs.at_call = [&] {
      if (calls++ == at)
        run.insert();
    };
    checkpoint(run.database);
    run.vfs.at_call = nullptr;
    points = calls;
    const std::string damage = run.damage();
    lost += damage.empty() ? 0 : 1;
    if (first.empty() && !damage.empty())
      first = "at call " + std::to_string(at) + ": " + damage;
  }
  CHECK(points > 3);
  return lost;
}

} // namespace

TEST_CASE("a checkpoint loses nothing, whenever a user writes and makes one meanwhile") {
  std::string first;
  CHECK_MESSAGE(losses([](Database& database) { database.checkpoint(); }, first) == 0, first);
}

TEST_CASE("the check of interleavings sees what a bare checkpoint does") {
  const auto bare = [](Database& database) {
    sqlite3_wal_checkpoint_v2(database.connection().getHandle(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                              nullptr, nullptr);
  };
  std::string first;
  const int lost = losses(bare, first);
  const bool fixed = sqlite3_libversion_number() >= 3051003;
  CHECK_MESSAGE((lost > 0) == !fixed, first);
}
