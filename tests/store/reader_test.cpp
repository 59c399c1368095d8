// What a program that shows the queue may do to it: nothing.
#include "store/reader.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

using namespace kdq;
using namespace kdq::test;

namespace {

struct ReaderFixture : SqlFixture {
  std::filesystem::path wal = file.string() + "-wal";

  std::int64_t jobs(Reader& reader) {
    std::int64_t count = -1;
    reader.read([&](Reader::Snapshot& snapshot) {
      count = snapshot.row("SELECT count(*) AS jobs FROM jobs")->integer("jobs");
    });
    return count;
  }
  void enqueue() { user.enqueue("f", "1", "name"); }
};

/// Somebody who may read the folder and not write there; only root can become one for a while.
class Stranger {
public:
  explicit Stranger(const std::filesystem::path& folder) {
    REQUIRE(::chmod(folder.c_str(), 0755) == 0);
    REQUIRE(::seteuid(65534) == 0);
  }
  ~Stranger() { CHECK(::seteuid(0) == 0); }
};

} // namespace

TEST_CASE_FIXTURE(ReaderFixture,
                  "values come as they are stored, with what is NULL known as such") {
  Reader reader(file);
  reader.read([](Reader::Snapshot& snapshot) {
    const auto row = snapshot.row("SELECT ?1 AS i, ?2 AS d, ?3 AS t, ?4 AS n, x'00ff' AS b",
                                  {std::int64_t{5}, 1.5, std::string("a\0b", 3), Value{}});
    REQUIRE(row);
    CHECK(row->integer("i") == 5);
    CHECK(row->number("i") == 5.0);
    CHECK(row->text("i") == "5");
    CHECK(row->number("d") == 1.5);
    CHECK(row->text("t") == std::string("a\0b", 3));
    CHECK(row->is_null("n"));
    CHECK(row->text("n") == "");
    CHECK(row->integer("n") == 0);
    CHECK(row->text("b") == std::string("\0\xFF", 2));
    CHECK_THROWS_AS(row->text("no such column"), std::out_of_range);
    CHECK_FALSE(snapshot.row("SELECT 1 FROM jobs"));
  });
}

TEST_CASE_FIXTURE(ReaderFixture, "nothing can be written") {
  Reader reader(file);
  for (const char* sql : {"DELETE FROM jobs", "INSERT INTO pauses(scope) VALUES ('all')",
                          "CREATE TABLE t(a)", "PRAGMA user_version = 5", "VACUUM"}) {
    CAPTURE(sql);
    CHECK_THROWS(reader.read([&](Reader::Snapshot& snapshot) { snapshot.rows(sql); }));
  }
  CHECK(user.number("SELECT count(*) FROM pauses") == 0);
}

TEST_CASE_FIXTURE(ReaderFixture, "a read is of one state, and sees the next one afterwards") {
  Reader reader(file);
  reader.read([&](Reader::Snapshot& snapshot) {
    CHECK(snapshot.row("SELECT count(*) AS n FROM jobs")->integer("n") == 0);
    enqueue();
    CHECK(snapshot.row("SELECT count(*) AS n FROM jobs")->integer("n") == 0);
  });
  CHECK(jobs(reader) == 1);
}

TEST_CASE_FIXTURE(ReaderFixture, "an endless query is given up, and the next one works") {
  Reader reader(file);
  const auto count_for_ever = [](Reader::Snapshot& snapshot) {
    snapshot.rows(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
  };
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS_AS(reader.read(count_for_ever), ReadTooLong);
    CHECK(jobs(reader) == 0);
  }
  // Nor does it keep the log from being taken into the file.
  enqueue();
  CHECK(user.number("PRAGMA wal_checkpoint(TRUNCATE)") == 0);
}

TEST_CASE_FIXTURE(ReaderFixture, "the time is looked at after each row: one may take long") {
  SteadyTime now{};
  Reader reader(file, [&now] { return now += std::chrono::milliseconds(1); });
  const auto rows = [&](int count) {
    reader.read([&](Reader::Snapshot& snapshot) {
      snapshot.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) "
                    "SELECT i FROM n",
                    {std::int64_t{count}});
    });
  };
  CHECK_NOTHROW(rows(1000));
  CHECK_THROWS_AS(rows(3000), ReadTooLong);
}

TEST_CASE_FIXTURE(ReaderFixture, "more than 16 MiB are not given out at once") {
  Reader reader(file);
  const auto megabytes = [&](int count) {
    reader.read([&](Reader::Snapshot& snapshot) {
      for (int i = 0; i < count; ++i)
        snapshot.rows("SELECT zeroblob(1048576) AS b");
    });
  };
  CHECK_NOTHROW(megabytes(15));
  CHECK_THROWS_AS(megabytes(17), ReadTooLong);
  CHECK_NOTHROW(megabytes(15));
}

TEST_CASE_FIXTURE(ReaderFixture, "an exception of the one who reads ends the read") {
  Reader reader(file);
  CHECK_THROWS_AS(reader.read([](Reader::Snapshot&) { throw std::domain_error("mine"); }),
                  std::domain_error);
  enqueue();
  CHECK(jobs(reader) == 1);
  CHECK(user.number("PRAGMA wal_checkpoint(TRUNCATE)") == 0);
}

TEST_CASE_FIXTURE(ReaderFixture, "a long value is read piece by piece") {
  const std::string script = std::string(100'000, 'a') + "一end";
  const auto job = user.enqueue("f", script, "name");
  Reader reader(file);
  CHECK(reader.piece("jobs", "script", job, 0, 10) == "aaaaaaaaaa");
  CHECK(reader.piece("jobs", "script", job, 99'998, 100) == "aa一end");
  CHECK(reader.piece("jobs", "script", job, 100'006, 100) == "");
  CHECK(reader.piece("jobs", "script", job, 1'000'000, 100) == "");
  CHECK(reader.piece("jobs", "script", job, -1, 100) == "");
  CHECK(reader.piece("jobs", "script", job + 1, 0, 100) == "");
  CHECK(reader.piece("jobs", "result", job, 0, 100) == ""); // NULL
  CHECK(reader.bytes_of("jobs", "script", job) == 100'006);
  CHECK_FALSE(reader.bytes_of("jobs", "script", job + 1));
  CHECK_FALSE(reader.bytes_of("jobs", "result", job));
  CHECK_FALSE(reader.bytes_of("jobs", "priority", job));
  std::string whole;
  for (std::string piece;
       !(piece = reader.piece("jobs", "script", job, static_cast<std::int64_t>(whole.size()), 4096))
            .empty();)
    whole += piece;
  CHECK(whole == script);
}

TEST_CASE_FIXTURE(ReaderFixture, "others' commits are noticed once") {
  Reader reader(file);
  CHECK(reader.changed());
  CHECK_FALSE(reader.changed());
  enqueue();
  CHECK(reader.changed());
  CHECK_FALSE(reader.changed());
}

TEST_CASE_FIXTURE(ReaderFixture, "another file under the name is noticed") {
  Reader reader(file);
  CHECK_FALSE(reader.is_outdated());
  std::filesystem::rename(file, dir / "aside");
  CHECK(reader.is_outdated());
  { const Database other(file); }
  CHECK(reader.is_outdated());
  CHECK_FALSE(Reader(file).is_outdated());
}

TEST_CASE_FIXTURE(ReaderFixture, "it makes no checkpoint, not even as the last one to close") {
  user.exec("PRAGMA wal_autocheckpoint = 0");
  enqueue();
  const auto before = std::filesystem::file_size(wal);
  REQUIRE(before > 0);
  {
    Reader reader(file);
    CHECK(jobs(reader) == 1);
  }
  CHECK(std::filesystem::file_size(wal) == before);
}

TEST_CASE("of a log that nobody has open any more the last reader takes nothing into the file") {
  const TempDir dir;
  const auto file = dir / "queue.db";
  const auto copy = dir / "copy.db";
  {
    const Database database(file);
    User user(file);
    user.exec("PRAGMA wal_autocheckpoint = 0");
    user.enqueue("f", "1", "name");
    // As a crash leaves it: the file and its log.
    std::filesystem::copy(file, copy);
    std::filesystem::copy(file.string() + "-wal", copy.string() + "-wal");
  }
  const auto log = copy.string() + "-wal";
  const auto before = std::filesystem::file_size(log);
  {
    Reader reader(copy);
    reader.read([](Reader::Snapshot& snapshot) {
      CHECK(snapshot.row("SELECT count(*) AS n FROM jobs")->integer("n") == 1);
    });
  }
  REQUIRE(std::filesystem::exists(log));
  CHECK(std::filesystem::file_size(log) == before);
}

TEST_CASE("what is no queue is refused with a sentence") {
  const TempDir dir;
  CHECK_THROWS_WITH_AS(Reader(dir / "none.db"), doctest::Contains("there is no database"),
                       StoreUnavailable);
  CHECK_FALSE(std::filesystem::exists(dir / "none.db"));
  CHECK_THROWS_AS(Reader(dir.file("text.db", "this is no database, but a text of some length")),
                  StoreBroken);
  SQLite::Database foreign((dir / "foreign.db").string(),
                           SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  foreign.exec("CREATE TABLE t(a)");
  CHECK_THROWS_AS(Reader(dir / "foreign.db"), StoreBroken);
}

TEST_CASE("a name with the signs of a URI is a name") {
  const TempDir dir;
  const auto file = dir / "a?b#c%20d e.db";
  const Database database(file);
  Reader reader(file);
  CHECK_FALSE(reader.is_outdated());
}

TEST_CASE("where the reader may not write beside the file") {
  if (::geteuid() != 0)
    return; // only root can become another user and root again
  const TempDir dir;
  const auto file = dir / "queue.db";
  const auto count = [](Reader& reader) {
    std::int64_t jobs = -1;
    reader.read([&](Reader::Snapshot& snapshot) {
      jobs = snapshot.row("SELECT count(*) AS n FROM jobs")->integer("n");
    });
    return jobs;
  };
  auto database = std::make_unique<Database>(file);
  auto user = std::make_unique<User>(file);
  user->enqueue("f", "1", "name");
  for (const char* end : {"", "-wal", "-shm"})
    REQUIRE(::chmod((file.string() + end).c_str(), 0644) == 0);

  SUBCASE("somebody has it open: the log and its index are there") {
    const Stranger stranger(dir.path());
    Reader reader(file);
    CHECK(count(reader) == 1);
    CHECK_FALSE(reader.is_outdated());
  }
  SUBCASE("nobody has it open: the file is all there is, until a log is there") {
    user.reset();
    database.reset();
    REQUIRE_FALSE(std::filesystem::exists(file.string() + "-wal"));
    std::optional<Reader> reader;
    {
      const Stranger stranger(dir.path());
      reader.emplace(file);
      CHECK(count(*reader) == 1);
    }
    CHECK_FALSE(reader->is_outdated());
    database = std::make_unique<Database>(file);
    user = std::make_unique<User>(file);
    user->enqueue("f", "2", "name");
    CHECK(reader->is_outdated());
  }
  SUBCASE("a log without its index, as a crash and a copy leave it") {
    const auto copy = dir / "copy.db";
    std::filesystem::copy(file, copy);
    std::filesystem::copy(file.string() + "-wal", copy.string() + "-wal");
    const Stranger stranger(dir.path());
    // What the log has is not left out: it says that it cannot read it.
    CHECK_THROWS_AS(Reader{copy}, StoreUnavailable);
  }
}
