// A copy of a queue is one state of it, whoever writes meanwhile, and whole or not there.
#include "store/database_copy.h"

#include "store/background_copy.h"
#include "store/backup_folder.h"
#include "store/restore_file.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

using namespace kdq;
using namespace kdq::test;

namespace {

namespace fs = std::filesystem;

struct Fixture : SqlFixture {
  fs::path copy = dir / "copy.db";
  WallTime at = *parse_time("2026-01-31 09:05:00");

  /// Rows of which each transaction writes two: a state has an even number.
  void fill(int pairs) {
    for (int i = 0; i < pairs; ++i)
      write_pair(user);
  }
  static void write_pair(User& by) {
    by.exec("BEGIN IMMEDIATE");
    for (int i = 0; i < 2; ++i)
      by.exec("INSERT INTO jobs(file_token, script) VALUES ('f', hex(randomblob(20000)))");
    by.exec("COMMIT");
  }
  static bool go_on(const CopyProgress&) { return true; }
  std::set<std::string> files() {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir.path()))
      names.insert(entry.path().filename().string());
    return names;
  }
};

std::string refusal(const fs::path& from, const fs::path& to) {
  try {
    copy_database(from, to, std::nullopt, [](const CopyProgress&) { return true; });
    return "none";
  } catch (const CopyFailed& error) {
    return error.what();
  }
}

} // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a copy is one state, whoever writes meanwhile, and does not begin anew") {
  fill(100); // about four megabytes
  const auto before = user.number("SELECT count(*) FROM jobs");
  int steps = 0;
  std::int64_t last = 0;
  bool shrank = false;
  REQUIRE(copy_database(file, copy, at, [&](const CopyProgress& progress) {
    if (progress.stage == CopyProgress::Stage::copying) {
      shrank = shrank || progress.done < last;
      last = progress.done;
      ++steps;
      write_pair(user); // a foreign commit; and ours
      database.write([&] {
        database.connection().exec(
            "INSERT INTO jobs(file_token, script) VALUES ('f', 's'), ('f', 's')");
      });
    }
    return true;
  }));
  CHECK(steps > 10);
  CHECK_FALSE(shrank);
  CHECK(user.number("SELECT count(*) FROM jobs") == before + 4 * steps);
  User made(copy);
  CHECK(made.text("PRAGMA integrity_check") == "ok");
  CHECK(made.number("SELECT count(*) FROM jobs") == before);
  CHECK(made.number("SELECT count(*) FROM queue") == before);
  CHECK(made.text("SELECT backup_of FROM generation") == "2026-01-31 09:05:00.000");
  CHECK(made.text("PRAGMA journal_mode") == "delete");
  CHECK(user.number("SELECT count(*) FROM generation WHERE backup_of IS NOT NULL") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a copy makes no checkpoint, and leaves nothing beside it") {
  fill(3);
  struct stat before {};
  REQUIRE(::stat(file.c_str(), &before) == 0);
  REQUIRE(copy_database(file, copy, at, go_on));
  struct stat after {};
  REQUIRE(::stat(file.c_str(), &after) == 0);
  CHECK(before.st_mtim.tv_sec == after.st_mtim.tv_sec);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  CHECK(files() == std::set<std::string>{"copy.db", "queue.db", "queue.db-shm", "queue.db-wal"});
  CHECK((fs::status(copy).permissions() & fs::perms::all) == fs::perms(0640));
}

TEST_CASE_FIXTURE(Fixture, "a copy that is given up leaves nothing") {
  fill(30);
  auto wanted = CopyProgress::Stage::copying;
  SUBCASE("while it is copied") {}
  SUBCASE("while it is checked") {
    wanted = CopyProgress::Stage::checking;
  }
  const bool made = copy_database(
      file, copy, at, [&](const CopyProgress& progress) { return progress.stage != wanted; });
  CHECK_FALSE(made);
  CHECK_FALSE(fs::exists(copy));
  CHECK_FALSE(fs::exists(dir / "copy.db.part"));
}

TEST_CASE_FIXTURE(Fixture, "what stands under the name is not touched") {
  dir.file("copy.db", "mine");
  CHECK(contains(refusal(file, copy), "there is a file of this name"));
  CHECK(fs::file_size(copy) == 4);
  REQUIRE(fs::remove(copy));
  // One that comes at the last moment.
  CHECK_THROWS_AS(copy_database(file, copy, at,
                                [&](const CopyProgress&) {
                                  dir.file("copy.db", "mine");
                                  return true;
                                }),
                  CopyFailed);
  CHECK(fs::file_size(copy) == 4);
  CHECK_FALSE(fs::exists(dir / "copy.db.part"));
}

TEST_CASE_FIXTURE(Fixture, "what cannot be copied is told in a sentence") {
  CHECK(contains(refusal(file, dir / "none" / "copy.db"), "does not exist"));
  CHECK(contains(refusal(dir / "nothing.db", copy), "cannot be copied"));
  const fs::path other = dir / "other.db";
  SQLite::Database(other.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE t(x)");
  CHECK(contains(refusal(other, copy), "is a database of another program"));
  CHECK(contains(refusal(dir.file("text", std::string(5000, 'x')), copy), "not a database"));
  CHECK_FALSE(fs::exists(copy));
}

TEST_CASE_FIXTURE(Fixture, "of a damaged database no backup is made") {
  fill(30);
  const fs::path damaged = dir / "damaged.db";
  REQUIRE(copy_database(file, damaged, at, go_on));
  std::fstream bytes(damaged, std::ios::in | std::ios::out | std::ios::binary);
  User look(damaged);
  const auto root = look.number("SELECT rootpage FROM sqlite_schema WHERE name = 'queue_file'");
  bytes.seekp((root - 1) * 4096 + 8);
  bytes << std::string(200, '\xff');
  bytes.close();
  CHECK(contains(refusal(damaged, copy), "is damaged"));
  CHECK_FALSE(fs::exists(copy));
}

TEST_CASE_FIXTURE(Fixture, "a copy in the background is the same, and can be given up") {
  fill(50);
  {
    BackgroundCopy work(file, copy, at);
    while (!work.is_done())
      write_pair(user);
    CHECK(work.problem().empty());
    CHECK_FALSE(work.is_reading());
  }
  User made(copy);
  CHECK(made.text("PRAGMA integrity_check") == "ok");
  CHECK(made.number("SELECT count(*) FROM jobs") % 2 == 0);
  { const BackgroundCopy given_up(file, dir / "second.db", at); }
  CHECK_FALSE(fs::exists(dir / "second.db.part"));
}

TEST_CASE("of the backups in a folder the newest stay, and all that is no backup") {
  const TempDir dir;
  const std::set<std::string> others{"queue-20260131T090500Z.db.txt", "queue-2026013xT090500Z.db",
                                     "queue-20260131T090500Z.db-copy",
                                     "xqueue-20260131T090500Z.db"};
  for (const std::string& name : others)
    dir.file(name, "");
  for (const char* name : {"queue-20260130T000000Z.db", "queue-20260131T000000Z.db",
                           "queue-20260201T000000Z.db", "queue-20260202T000000Z.db",
                           "queue-20260101T000000Z.db.part", "queue-20260101T000000Z.db.part-wal"})
    dir.file(name, "");
  fs::create_directory(dir / "queue-20250131T000000Z.db"); // no file
  const auto names = [&] {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(dir.path()))
      if (!others.contains(entry.path().filename().string()))
        found.insert(entry.path().filename().string());
    return found;
  };
  // Made after the clock was set back.
  CHECK(prune_backups(dir.path(), 3, dir / "queue-20260130T000000Z.db").empty());
  CHECK(names() == std::set<std::string>{"queue-20250131T000000Z.db", "queue-20260130T000000Z.db",
                                         "queue-20260201T000000Z.db", "queue-20260202T000000Z.db"});
  for (const std::string& name : others)
    CHECK(fs::exists(dir / name));
  CHECK(backup_name(*parse_time("2026-01-31 09:05:07.250")) == "queue-20260131T090507Z.db");
}

TEST_CASE("a restore keeps what was there, and gives the copy its place and mode") {
  const TempDir dir;
  const fs::path queue = dir / "queue.db";
  const WallTime now = *parse_time("2026-01-31 09:05:00");
  const auto read = [](const fs::path& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  dir.file("queue.db.restoring", "new");
  SUBCASE("over a queue") {
    for (const char* suffix : {"", "-wal", "-shm", ".spill"})
      dir.file("queue.db" + std::string(suffix), "old" + std::string(suffix));
    fs::permissions(queue, fs::perms(0664));
    const RestoredFiles files = put_in_place(queue, now);
    CHECK(files.aside == dir / "queue.db.before-20260131T090500Z");
    for (const char* suffix : {"", "-wal", "-shm", ".spill"})
      CHECK(read(files.aside.string() + suffix) == "old" + std::string(suffix));
    CHECK_FALSE(fs::exists(dir / "queue.db-wal"));
    CHECK((fs::status(queue).permissions() & fs::perms::all) == fs::perms(0664));
  }
  SUBCASE("where there is none") {
    CHECK(put_in_place(queue, now).aside.empty());
    CHECK((fs::status(queue).permissions() & fs::perms::all) == fs::perms(0660));
  }
  CHECK(read(queue) == "new");
  CHECK_FALSE(fs::exists(dir / "queue.db.restore"));
}

TEST_CASE("a restore that did not come to its end is done again") {
  const TempDir dir;
  const fs::path queue = dir / "queue.db";
  dir.file("queue.db", "old without its log");
  dir.file("queue.db.restore", "the former copy");
  dir.file("queue.db.restoring", "half of one");
  CHECK(room_for_restore(queue) == dir / "queue.db.restoring");
  CHECK_FALSE(fs::exists(dir / "queue.db.restoring"));
  CHECK_FALSE(unfinished_restore(queue).empty());
  dir.file("queue.db.restoring", "new");
  put_in_place(queue, *parse_time("2026-01-31 09:05:00"));
  CHECK(unfinished_restore(queue).empty());
  std::ifstream in(queue);
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "new");
}

TEST_CASE("as long as a restore has not come to its end, nobody opens the queue") {
  const TempDir dir;
  { const Database database(dir / "queue.db"); }
  dir.file("queue.db.restore", "");
  CHECK_THROWS_WITH_AS(Database(dir / "queue.db"),
                       doctest::Contains("run kdocs-queued restore again"), StoreBroken);
  CHECK(contains(Database::refusal(dir / "queue.db"), "did not come to its end"));
  fs::remove(dir / "queue.db.restore");
  CHECK_NOTHROW(Database(dir / "queue.db"));
}
