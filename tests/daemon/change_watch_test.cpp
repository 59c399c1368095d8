#include "daemon/change_watch.h"

#include "daemon/system_clock.h"
#include "tests/support/no_descriptors.h"
#include "tests/support/temp_dir.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

constexpr SteadyTime now{1h};
/// Longer than any series of looks takes on a busy machine.
constexpr int quiet_ms = 2000;
constexpr int patient_ms = 30'000;

/// Waits for the watch; false if nothing came in time.
bool wakes(const ChangeWatch& watch, int timeout_ms) {
  std::vector<pollfd> entries;
  for (const int fd : watch.descriptors())
    entries.push_back({fd, POLLIN, 0});
  return ::poll(entries.data(), entries.size(), timeout_ms) > 0;
}

/// Looks, without success, until the watch is quiet; returns how often.
int looks_until_quiet(ChangeWatch& watch) {
  int looks = 0;
  while (wakes(watch, quiet_ms)) {
    watch.woke();
    watch.looked(false, now);
    ++looks;
  }
  return looks;
}

void write_file(const std::filesystem::path& file) {
  std::ofstream(file, std::ios::app) << "x";
}

} // namespace

TEST_CASE("a watch of a folder in which nothing happens never wakes") {
  const TempDir dir;
  write_file(dir / "queue.db");
  ChangeWatch watch(dir / "queue.db");
  CHECK(watch.trouble().empty());
  CHECK_FALSE(wakes(watch, quiet_ms));
  watch.looked(false, now);
  CHECK(watch.next_sweep() == now + 5s);
}

TEST_CASE("after an event several looks are due until the owner sees the change") {
  const TempDir dir;
  ChangeWatch watch(dir / "queue.db");
  SUBCASE("a write to the database") {
    write_file(dir / "queue.db");
    CHECK(looks_until_quiet(watch) >= 14); // the event and thirteen times the timer
  }
  SUBCASE("a write to its log") {
    write_file(dir / "queue.db-wal");
    CHECK(looks_until_quiet(watch) >= 8);
  }
  SUBCASE("the second look sees it") {
    write_file(dir / "queue.db-wal");
    REQUIRE(wakes(watch, patient_ms));
    watch.woke();
    watch.looked(false, now);
    REQUIRE(wakes(watch, patient_ms));
    watch.woke();
    watch.looked(true, now);
    CHECK_FALSE(wakes(watch, quiet_ms));
  }
  SUBCASE("a change that the first look sees may not be the one that made the event") {
    write_file(dir / "queue.db-wal");
    REQUIRE(wakes(watch, patient_ms));
    watch.woke();
    watch.looked(true, now);
    CHECK(looks_until_quiet(watch) >= 7);
  }
}

TEST_CASE("a name that is replaced, removed or created wakes the owner") {
  const TempDir dir;
  write_file(dir / "queue.db");
  write_file(dir / "other");
  ChangeWatch watch(dir / "queue.db");
  SUBCASE("replaced") {
    std::filesystem::rename(dir / "other", dir / "queue.db");
  }
  SUBCASE("moved away") {
    std::filesystem::rename(dir / "queue.db", dir / "elsewhere");
  }
  SUBCASE("removed") {
    std::filesystem::remove(dir / "queue.db");
  }
  SUBCASE("with its folder") {
    std::filesystem::remove_all(dir.path());
  }
  CHECK(looks_until_quiet(watch) >= 8);
}

TEST_CASE("other files of the folder start no series of looks") {
  const TempDir dir;
  ChangeWatch watch(dir / "queue.db");
  for (const auto* name : {"queue.db.lock", "queue.db-shm", "queue.dbx", "my-queue.db"})
    write_file(dir / name);
  REQUIRE(wakes(watch, patient_ms));
  watch.woke();
  CHECK_FALSE(wakes(watch, quiet_ms));
}

TEST_CASE("what the owner writes itself between waking and looking costs few looks") {
  const TempDir dir;
  ChangeWatch watch(dir / "queue.db");
  watch.woke();
  write_file(dir / "queue.db-wal");
  watch.looked(false, now);
  CHECK(looks_until_quiet(watch) == 4);
}

TEST_CASE("where inotify cannot be used the sweep is faster, and the reason is told") {
  ChangeWatch watch("/nowhere/queue.db");
  CHECK(watch.trouble().find("inotify") != std::string::npos);
  watch.woke();
  watch.looked(false, now);
  CHECK(watch.next_sweep() == now + 500ms);
  CHECK_FALSE(wakes(watch, 10));
}

TEST_CASE(
    "every commit of another process is seen without a sweep, although its event comes first") {
  const TempDir dir;
  const std::string file = dir / "queue.db";
  {
    SQLite::Database fresh(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    fresh.exec("PRAGMA journal_mode = WAL; CREATE TABLE t(x)");
  }
  constexpr int commits = 200;
  std::array<int, 2> seen{};
  std::array<int, 2> done{};
  REQUIRE(::pipe(seen.data()) == 0);
  REQUIRE(::pipe(done.data()) == 0);
  const pid_t writer = ::fork();
  REQUIRE(writer >= 0);
  if (writer == 0) {
    // Commits with a sync, keeps its connection, and goes on only once the commit was seen.
    ::close(seen[1]);
    ::close(done[0]);
    SQLite::Database db(file, SQLite::OPEN_READWRITE, 5000);
    db.exec("PRAGMA synchronous = FULL");
    char byte = 0;
    while (::read(seen[0], &byte, 1) == 1) {
      const auto begin = std::chrono::steady_clock::now();
      db.exec("INSERT INTO t VALUES(1)");
      const bool is_slow = std::chrono::steady_clock::now() - begin > 1s;
      if (::write(done[1], is_slow ? "s" : "f", 1) != 1)
        ::_exit(1);
    }
    ::_exit(0);
  }
  ::close(seen[0]);
  ::close(done[1]);

  SQLite::Database db(file, SQLite::OPEN_READWRITE, 5000);
  ChangeWatch watch(file);
  const auto version = [&] { return db.execAndGet("PRAGMA data_version").getInt64(); };
  auto last = version();
  int noticed = 0;
  for (; noticed < commits; ++noticed) {
    REQUIRE(::write(seen[1], "x", 1) == 1);
    bool changed = false;
    while (!changed && wakes(watch, patient_ms)) {
      watch.woke();
      changed = std::exchange(last, version()) != last;
      watch.looked(changed, now);
    }
    char speed = 0;
    REQUIRE(::read(done[0], &speed, 1) == 1);
    if (!changed && speed == 's') // a disk for which there is the sweep
      changed = std::exchange(last, version()) != last;
    if (!changed)
      break;
  }
  CHECK(noticed == commits);
  ::close(seen[1]);
  ::close(done[0]);
  ::waitpid(writer, nullptr, 0);
}

TEST_CASE("a watch without a descriptor for inotify says why") {
  const TempDir dir;
  const int spare = ::dup(0);
  const NoDescriptors none;
  ::close(spare); // one for the timer
  const ChangeWatch watch(dir / "queue.db");
  CHECK(watch.trouble().find("too many open files: this process may have ") != std::string::npos);
}
