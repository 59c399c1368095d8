#include "store/database.h"
#include "store/job_queue.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"
#include "tests/support/user.h"

#include <SQLiteCpp/Database.h>

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

using namespace kdq;
using namespace kdq::test;

namespace {

/// What opening the file says.
std::string refusal(const std::filesystem::path& file) {
  try {
    Database database(file);
    return {};
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

} // namespace

TEST_CASE("a new database has the mode that lets group members INSERT, whatever the umask") {
  TempDir dir;
  const auto old_mask = umask(0077);
  Database database(dir.path() / "queue.db");
  umask(old_mask);
  struct stat info {};
  for (const char* name : {"queue.db", "queue.db-wal", "queue.db-shm"}) {
    REQUIRE(stat((dir.path() / name).c_str(), &info) == 0);
    CHECK_MESSAGE((info.st_mode & 0777) == 0660, name);
  }
}

TEST_CASE("opening again changes nothing, the file says whose it is") {
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  { Database database(file); }
  CHECK(Database::refusal(file).empty());
  CHECK(refusal(file).empty());
  User user(file);
  CHECK(user.number("PRAGMA application_id") == 0x4b445132);
  CHECK(user.number("PRAGMA user_version") >= 1);
  CHECK(user.text("PRAGMA journal_mode") == "wal");
}

TEST_CASE("files that are not ours are refused with a sentence, and left as they are") {
  TempDir dir;
  const auto file = dir.path() / "other.db";
  SUBCASE("another program's database") {
    SQLite::Database other(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    other.exec("CREATE TABLE theirs(x); INSERT INTO theirs VALUES (1)");
    CHECK(contains(refusal(file), "another program"));
    CHECK(contains(Database::refusal(file), "another program"));
    CHECK(other.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 1);
  }
  SUBCASE("a newer version's") {
    { Database database(file); }
    { User(file).exec("PRAGMA user_version = 9999"); }
    CHECK(contains(refusal(file), "newer kdocs-queued"));
    CHECK(contains(Database::refusal(file), "newer kdocs-queued"));
  }
  SUBCASE("no database at all") {
    std::ofstream(file) << std::string(8192, 'x');
    CHECK(contains(refusal(file), "no SQLite database"));
    CHECK(contains(Database::refusal(file), "no SQLite database"));
  }
  SUBCASE("a folder that is missing") {
    CHECK(contains(refusal(dir.path() / "nowhere" / "q.db"), "does not exist"));
  }
}

TEST_CASE("a file that cannot be written names owner, mode and the command that repairs") {
  if (geteuid() == 0)
    return; // root may write everything; the end-to-end tests do it as another user
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  { Database database(file); }
  chmod(file.c_str(), 0440);
  CHECK(contains(refusal(file), "Repair: chown"));
}

TEST_CASE("a write is all or nothing, and errors of the caller undo it") {
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  Database database(file);
  User user(file);
  CHECK_THROWS_AS(database.write([&] {
    database.connection().exec("INSERT INTO quota VALUES ('a', 'submit', 'd', 1, 1, 0)");
    throw std::logic_error("no");
  }),
                  std::logic_error);
  CHECK(user.number("SELECT count(*) FROM quota") == 0);
  database.write([&] {
    database.connection().exec("INSERT INTO quota VALUES ('a', 'submit', 'd', 1, 1, 0)");
  });
  database.durable();
  CHECK(user.number("SELECT count(*) FROM quota") == 1);
}

TEST_CASE("a locked database is unavailable, not broken, and works again") {
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  Database database(file, std::chrono::milliseconds(1));
  User user(file);
  user.exec("BEGIN IMMEDIATE");
  int runs = 0;
  CHECK_THROWS_AS(database.write([&] { ++runs; }), StoreUnavailable);
  CHECK(runs == 0);
  user.exec("COMMIT");
  database.write([&] { ++runs; });
  CHECK(runs == 1);
}

TEST_CASE("only commits of others are foreign changes") {
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  Database database(file);
  User user(file);
  CHECK(database.foreign_change());
  CHECK(!database.foreign_change());
  database.write([&] {
    database.connection().exec("INSERT INTO quota VALUES ('a', 'submit', 'd', 1, 1, 0)");
  });
  CHECK(!database.foreign_change());
  user.enqueue("f", "x", "n");
  CHECK(database.foreign_change());
  CHECK(!database.foreign_change());
  user.exec("BEGIN IMMEDIATE; INSERT INTO jobs(file_token, script) VALUES ('f', 'x'); ROLLBACK");
  CHECK(!database.foreign_change());
}

TEST_CASE("a file that is replaced or removed is noticed, whichever of the three it is") {
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    CAPTURE(suffix);
    TempDir dir;
    const auto file = dir.path() / "queue.db";
    const std::filesystem::path touched = file.string() + suffix;
    {
      const Database database(file);
      CHECK(!database.displaced());
      std::filesystem::rename(touched, dir.path() / "moved");
      CHECK(database.displaced() == touched);
      std::ofstream(touched) << "x";
      CHECK(database.displaced() == touched);
    }
    CHECK(std::filesystem::file_size(touched) == 1); // it is another's: left as it is
  }
}

TEST_CASE("what was committed gets into the file although its -wal and -shm were removed") {
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  {
    Database database(file);
    database.write([&] {
      database.connection().exec("INSERT INTO jobs(file_token, script) VALUES ('f', 's')");
    });
    std::filesystem::remove(file.string() + "-wal");
    std::filesystem::remove(file.string() + "-shm");
  }
  User user(file);
  CHECK(user.number("SELECT count(*) FROM jobs") == 1);
  CHECK(user.text("PRAGMA integrity_check") == "ok");
}

TEST_CASE("a suspect database is checked once before it is used") {
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  { Database database(file); }
  Database::suspect(file);
  SUBCASE("sound") {
    CHECK(refusal(file).empty());
    CHECK(!std::filesystem::exists(dir.path() / "queue.db.suspect"));
  }
  SUBCASE("sound, and how far the check is can be shown") {
    {
      User user(file);
      for (int i = 0; i < 1000; ++i)
        user.enqueue("file" + std::to_string(i), std::string(20'000, 'x'), "n");
    }
    std::int64_t last = -1;
    std::int64_t pages = 0;
    const Database database(file, Database::usual_busy_timeout,
                            [&](std::int64_t done, std::int64_t total) {
                              CHECK(done >= last);
                              CHECK(done <= total);
                              last = done;
                              pages = total;
                            });
    CHECK(pages > 5000);
    CHECK(last > pages / 2);
  }
  SUBCASE("damaged") {
    {
      User user(file);
      for (int i = 0; i < 300; ++i)
        user.enqueue("file" + std::to_string(i), std::string(200, 'x'), "n");
    }
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 30; page < 36; ++page) {
      bytes.seekp(page * 4096);
      bytes << std::string(64, '\xee');
    }
    bytes.close();
    CHECK(contains(refusal(file), "damaged"));
    CHECK(contains(refusal(file), "Restore a backup"));
  }
}

TEST_CASE("a planted trigger that never ends is interrupted") {
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  Database database(file);
  User user(file);
  user.exec("CREATE TRIGGER evil AFTER INSERT ON quota BEGIN "
            "INSERT INTO requests(job_id, attempt, endpoint, sent_at) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) "
            "SELECT i, 1, 'submit', 'x' FROM n WHERE i < 0; END");
  CHECK_THROWS_AS(database.write([&] {
    database.connection().exec("INSERT INTO quota VALUES ('a', 'submit', 'd', 1, 1, 0)");
  }),
                  StoreUnavailable);
  CHECK(user.attempt("INSERT INTO jobs(file_token, script) VALUES ('f', 'x')") == "");
}

TEST_CASE("a log that has become long is begun anew after a checkpoint") {
  TempDir dir;
  Database database(dir.path() / "queue.db");
  User user(database.file());
  user.enqueue("file", std::string(100'000, 'x'), "");
  const auto change = [&](int number) {
    database.write([&] {
      // All pages of the script change with its text's length.
      database.connection().exec("UPDATE jobs SET script = script || '" + std::to_string(number) +
                                 std::string(5000, 'y') + "'");
    });
  };
  int changes = 0;
  for (; !database.log_is_long(); ++changes) {
    REQUIRE(changes < 1000);
    change(changes);
  }
  const auto long_log = database.log_bytes();
  for (int i = 0; i < 10 * changes; ++i) {
    if (database.log_is_long())
      database.checkpoint();
    CHECK(!database.log_is_long()); // until the next commit
    database.write([&] { database.connection().exec("UPDATE jobs SET priority = priority + 1"); });
  }
  CHECK(database.log_bytes() <= long_log);
}

TEST_CASE("a reader that keeps the log does not make a checkpoint due again and again") {
  TempDir dir;
  Database database(dir.path() / "queue.db");
  User user(database.file());
  user.enqueue("file", std::string(4'000'000, 'x'), "");
  user.exec("BEGIN; SELECT count(*) FROM jobs");
  database.write([&] { database.connection().exec("UPDATE jobs SET script = script || 'y'"); });
  REQUIRE(database.log_is_long());
  CHECK(!database.log_is_too_long()); // however long it was at once
  database.checkpoint();
  CHECK(!database.log_is_long());
  user.exec("COMMIT");
}

TEST_CASE("a long log becomes too long as it grows on") {
  TempDir dir;
  Database database(dir.path() / "queue.db");
  User user(database.file());
  user.enqueue("file", std::string(4'000'000, 'x'), "");
  const auto rewrite = [&] {
    database.write([&] { database.connection().exec("UPDATE jobs SET script = script || 'y'"); });
  };
  rewrite();
  REQUIRE(database.log_is_long());
  rewrite();
  CHECK(database.log_is_too_long());
  database.checkpoint();
  CHECK(!database.log_is_too_long());
  rewrite();
  CHECK(!database.log_is_too_long());
}
