// Backups that the engine makes while it works.
#include "tests/support/engine_world.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

EngineSettings with_backups(const fs::path& directory) {
  EngineSettings settings = one_app();
  settings.backup = {directory, 24h, 3};
  return settings;
}

struct BackupWorld {
  TempDir place;
  fs::path folder = place / "backups";
  EngineWorld world{with_backups(folder)};

  BackupWorld() { fs::create_directory(folder); }

  std::size_t count() {
    const auto all = fs::directory_iterator(folder);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  std::string made_at() { return world.user->text("SELECT coalesce(made_at, '') FROM backup"); }
  /// The copy is made by a thread, which has another clock.
  bool wait_for_change(const std::string& before) {
    return world.run_until(
        [&] {
          std::this_thread::sleep_for(1ms);
          return made_at() != before;
        },
        30min);
  }
  std::vector<std::string> health() {
    return world.user->column("SELECT message FROM health WHERE subject = 'backup'");
  }
};

} // namespace

TEST_CASE("a backup is made at once, then each day, and the oldest go") {
  BackupWorld backups;
  EngineWorld& world = backups.world;
  world.user->enqueue("f", R"({"ms": 500000000, "lines": 5})", "n");
  std::string last;
  for (int day = 0; day < 5; ++day) {
    REQUIRE(backups.wait_for_change(last));
    last = backups.made_at();
    CHECK(last.starts_with("2126-03-0" + std::to_string(2 + day) + " 09:0"));
    CHECK(backups.count() == static_cast<std::size_t>(std::min(day + 1, 3)));
    world.run_for(23h);
    CHECK(backups.made_at() == last);
    CHECK(backups.health().empty());
    world.run_for(59min);
  }
  User copy(world.user->text("SELECT file FROM backup"));
  CHECK(copy.text("PRAGMA integrity_check") == "ok");
  CHECK(copy.number("SELECT count(*) FROM jobs") == 1);
  CHECK(copy.text("SELECT backup_of FROM generation") == last);
}

TEST_CASE("a restart makes no backup before its time, and a set clock makes one at most") {
  BackupWorld backups;
  EngineWorld& world = backups.world;
  REQUIRE(backups.wait_for_change(""));
  const std::string first = backups.made_at();
  world.kill();
  world.start();
  world.run_for(20h);
  CHECK(backups.made_at() == first);
  SUBCASE("back") {
    world.clock.step_wall(-200h);
  }
  SUBCASE("forward") {
    world.clock.step_wall(200h);
  }
  world.run_for(2h);
  REQUIRE(backups.wait_for_change(first));
  const std::string second = backups.made_at();
  for (int i = 0; i < 10; ++i) {
    world.clock.step_wall(i % 2 == 0 ? -100h : 100h);
    world.run_for(1h);
  }
  CHECK(backups.made_at() == second);
}

TEST_CASE("why there is no backup is told, and the daemon goes on and tries again") {
  BackupWorld backups;
  EngineWorld& world = backups.world;
  fs::remove(backups.folder);
  world.kill();
  world.start();
  const auto failed = [&] {
    std::this_thread::sleep_for(1ms);
    return world.user->number("SELECT count(*) FROM backup WHERE error IS NOT NULL") == 1;
  };
  REQUIRE(world.run_until(failed, 30min));
  REQUIRE(backups.health().size() == 1);
  CHECK(contains(backups.health()[0], "no backup can be made: "));
  CHECK(contains(backups.health()[0],
                 backups.folder.string() + " does not exist; there is none yet"));
  CHECK(world.events.told("trouble no backup can be made"));
  world.user->enqueue("f", two_seconds, "n");
  REQUIRE(world.run_until_idle());
  CHECK(world.state(1) == "succeeded");
  fs::create_directory(backups.folder);
  REQUIRE(backups.wait_for_change(""));
  CHECK(backups.health().empty());
  CHECK(world.events.told("relief backups can be made again"));
}

TEST_CASE("once no backups are wanted the table is empty, and those that were made stay") {
  BackupWorld backups;
  REQUIRE(backups.wait_for_change(""));
  EngineWorld& world = backups.world;
  world.kill();
  world.settings.backup.directory.clear();
  world.start();
  world.run_for(1h);
  CHECK(world.user->number("SELECT count(*) FROM backup") == 0);
  CHECK(backups.count() == 1);
}

TEST_CASE("no checkpoint is due while a backup reads") {
  const TempDir dir;
  Database database(dir / "queue.db");
  User user(dir / "queue.db");
  for (int i = 0; i < 40 || !database.log_is_long(); ++i)
    database.write([&] {
      database.connection().exec(
          "INSERT INTO jobs(file_token, script) VALUES ('f', hex(randomblob(40000)))");
    });
  database.keep_log(true);
  CHECK_FALSE(database.log_is_long());
  CHECK_FALSE(database.log_is_too_long());
  database.keep_log(false);
  CHECK(database.log_is_long());
}
