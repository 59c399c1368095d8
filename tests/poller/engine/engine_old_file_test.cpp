// A file that went back in time while no daemon worked with it.
#include "store/database_copy.h"
#include "tests/support/engine_world.h"
#include "tests/support/text.h"

#include <SQLiteCpp/Backup.h>
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

struct OldFileWorld : EngineWorld {
  fs::path copy = dir.path() / "copy.db";
  fs::path beside = file().string() + ".generation";

  /// A job that waits, and one that runs for ten minutes.
  OldFileWorld() {
    user->exec("INSERT INTO pauses(scope, key) VALUES ('file', 'g')");
    user->enqueue("f", R"({"ms": 600000, "lines": 0})", "runs");
    user->enqueue("g", two_seconds, "waits");
    run_for(90s);
  }
  /// What a person gets who copies the file and its log.
  void copy_file() {
    SQLite::Database to(copy.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Backup(to, user->connection()).executeStep();
  }
  void stop() {
    engine->stop();
    engine->finish();
    kill();
  }
  /// The file alone; what is beside it, but for its log, stays.
  void put_back() {
    user.reset();
    for (const char* suffix : {"", "-wal", "-shm"})
      fs::remove(file().string() + suffix);
    fs::copy_file(copy, file());
  }
  bool is_held() {
    run_for(10s);
    return state(1) == "unconfirmed" && state(2) == "unconfirmed";
  }
};

} // namespace

TEST_CASE("an older file in the place of the queue is held") {
  OldFileWorld world;
  world.copy_file();
  SUBCASE("a minute later, after a death") {
    world.run_for(2min);
    world.kill();
  }
  SUBCASE("after a stop") {
    world.stop();
  }
  SUBCASE("after a restart and a death") {
    world.kill();
    world.start();
    world.run_for(1s);
    world.kill();
  }
  world.put_back();
  world.start();
  CHECK(world.is_held());
  CHECK(contains(world.error(2), "a copy of about 2126-03-02 09:01:"));
  CHECK(world.events.told("2 jobs that had not ended then are held"));
  CHECK(world.user->number("SELECT count(*) FROM logs WHERE job_id = 1 AND level = 'gap'") == 1);

  world.kill(); // held once, and not again
  world.user->exec("DELETE FROM pauses; UPDATE jobs SET state = 'queued' WHERE id = 2");
  world.start();
  REQUIRE(world.run_until_idle());
  CHECK(world.state(2) == "succeeded");
}

TEST_CASE("the file that was there goes on, however the daemon ended") {
  OldFileWorld world;
  SUBCASE("by a stop") {
    world.stop();
  }
  SUBCASE("by a death") {
    world.kill();
  }
  SUBCASE("by a death, and somebody has dropped the table since") {
    world.kill();
    world.user->exec("DROP TABLE generation");
    Database::complete(world.file());
  }
  world.start();
  CHECK_FALSE(world.is_held());
  CHECK(world.state(1) == "running");
}

TEST_CASE(
    "a queue that is moved without the file beside it is held unless its daemon was stopped") {
  OldFileWorld world;
  SUBCASE("stopped") {
    world.stop();
    fs::remove(world.beside);
    world.start();
    CHECK_FALSE(world.is_held());
    CHECK(fs::exists(world.beside));
  }
  SUBCASE("copied under a running daemon") {
    world.kill();
    fs::remove(world.beside);
    world.start();
    CHECK(world.is_held());
  }
  SUBCASE("stopped, and beside it stands the file of another queue") {
    world.stop();
    std::ofstream(world.beside) << std::string(32, 'a') << " 0000000000000009999\n";
    world.start();
    CHECK_FALSE(world.is_held());
  }
  SUBCASE("running, and the file beside it is garbage") {
    world.kill();
    std::ofstream(world.beside) << "garbage";
    world.start();
    CHECK(world.is_held());
  }
}

TEST_CASE("a death at the first start leaves nothing that looks like a restored file") {
  EngineWorld world;
  world.user->enqueue("f", two_seconds, "n");
  world.kill();
  // As between the table's first row and the first file beside it.
  fs::remove(world.file().string() + ".generation");
  world.user->exec("UPDATE generation SET number = 0");
  world.start();
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
}

TEST_CASE("a backup of ours is known by its mark, wherever it is opened") {
  OldFileWorld world;
  REQUIRE(copy_database(world.file(), world.copy, world.clock.wall(),
                        [](const CopyProgress&) { return true; }));
  world.kill();
  world.put_back();
  SUBCASE("in its own place") {}
  SUBCASE("in another one, as if its daemon had been stopped") {
    SQLite::Database(world.file().string(), SQLite::OPEN_READWRITE)
        .exec("UPDATE daemon SET stopped_at = '2126-03-02 09:02:00.000'");
    fs::remove(world.beside);
  }
  world.start();
  CHECK(world.is_held());
  CHECK(contains(world.error(1), "restored from the backup of 2126-03-02 09:01:30 UTC, "));
  CHECK(world.user->number("SELECT count(*) FROM generation WHERE backup_of IS NULL AND held_as IS "
                           "NULL") == 1);
}
