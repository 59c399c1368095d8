// What users have changed of the tables, triggers, views and indexes that are ours.
#include "store/quota_ledger.h"
#include "store/request_log.h"
#include "store/store_error.h"
#include "tests/store/sql_fixture.h"
#include "tests/store/trouble.h"

using namespace kdq;
using namespace kdq::test;

namespace {

using Cause = StoreUnavailable::Cause;

struct Fixture : SqlFixture {
  RequestLog requests{database};
  QuotaLedger ledger{database};

  StoreUnavailable trouble(const std::function<void()>& change) {
    return trouble_of(database, change);
  }
  StoreUnavailable trouble_of_intent() {
    return trouble([&] { requests.begin({JobId{1}, 1, Endpoint::submit, WallTime{}, 1}); });
  }
  StoreUnavailable trouble_of_quota() {
    return trouble([&] { ledger.take({"a", Endpoint::submit, "d"}, 10, 1); });
  }
  std::string objects() {
    return user.text("SELECT group_concat(type || name || tbl_name || sql, char(10)) FROM (SELECT "
                     "* FROM sqlite_schema ORDER BY type, name)");
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture,
                  "what has the name of one of ours is told as changed, and init mends it") {
  const std::string before = objects();
  const char* change = "";
  const char* says = "";
  SUBCASE("a trigger") {
    change =
        "DROP TRIGGER in_flight_same; CREATE TRIGGER in_flight_same BEFORE INSERT ON in_flight "
        "BEGIN SELECT RAISE(ABORT, 'no'); END";
    says = "the trigger \"in_flight_same\" on in_flight";
  }
  SUBCASE("a trigger in other letters") {
    change =
        "DROP TRIGGER in_flight_same; CREATE TRIGGER In_Flight_Same BEFORE INSERT ON in_flight "
        "BEGIN SELECT RAISE(ABORT, 'no'); END";
    says = "the trigger \"In_Flight_Same\" on in_flight";
  }
  SUBCASE("a trigger that fails") {
    change =
        "DROP TRIGGER in_flight_same; CREATE TRIGGER in_flight_same BEFORE INSERT ON in_flight "
        "BEGIN INSERT INTO nowhere VALUES (1); END";
    says = "the trigger \"in_flight_same\" on in_flight";
  }
  SUBCASE("a trigger that ignores") {
    change =
        "DROP TRIGGER in_flight_same; CREATE TRIGGER in_flight_same BEFORE INSERT ON in_flight "
        "BEGIN SELECT RAISE(IGNORE); END";
    says = "the trigger \"in_flight_same\" on in_flight";
  }
  SUBCASE("a trigger on another table") {
    change =
        "DROP TRIGGER classes_insert; CREATE TRIGGER classes_insert BEFORE INSERT ON in_flight "
        "BEGIN SELECT RAISE(ABORT, 'no'); END";
    says = "the trigger \"classes_insert\" on in_flight";
  }
  user.exec(change);
  const StoreUnavailable told = trouble_of_intent();
  CHECK(told.cause == Cause::refused);
  CHECK(contains(told.what(), std::string("Not as kdocs-queued made it is ") + says));
  CHECK(contains(told.what(), "kdocs-queued init --database " + file.string()));
  CHECK(!contains(told.what(), "Not ours"));
  CHECK(!contains(told.what(), "DROP"));
  user.exec("CREATE TRIGGER mine BEFORE INSERT ON quota BEGIN SELECT RAISE(ABORT, 'never'); END");
  CHECK(contains(trouble_of_quota().what(), "Not ours is the trigger \"mine\" on quota"));
  user.exec("DROP TRIGGER mine");
  Database::complete(file);
  CHECK(objects() == before);
  CHECK(std::string(trouble_of_quota().what()).empty());
  CHECK(std::string(trouble_of_intent().what()).empty());
}

TEST_CASE_FIXTURE(Fixture, "a unique index with the name of one of ours is told as changed, too") {
  const std::string before = objects();
  const auto record = [&] {
    return trouble([&] {
      requests.record({{JobId{1}, 1, Endpoint::submit, WallTime{}, 1}, WallTime{}, 0, {}, ""});
    });
  };
  user.exec("DROP INDEX watches_until; CREATE UNIQUE INDEX watches_until ON requests(outcome)");
  CHECK(std::string(record().what()).empty());
  const StoreUnavailable told = record();
  CHECK(told.cause == Cause::refused);
  CHECK(contains(told.what(),
                 "Not as kdocs-queued made it is the unique index \"watches_until\" on requests"));
  CHECK(!contains(told.what(), "DROP"));
  Database::complete(file);
  CHECK(objects() == before);
  CHECK(std::string(record().what()).empty());
}

TEST_CASE_FIXTURE(Fixture, "a view of ours that was changed is no trouble, and init mends it") {
  const std::string before = objects();
  user.exec("DROP VIEW upcoming; CREATE VIEW upcoming AS SELECT 1 AS one");
  CHECK(std::string(trouble_of_quota().what()).empty());
  { Database again(file); }
  Database::complete(file);
  CHECK(objects() == before);
}

TEST_CASE_FIXTURE(Fixture, "a table that was renamed there and back is as before") {
  user.exec("ALTER TABLE in_flight RENAME TO mine; ALTER TABLE mine RENAME TO in_flight;"
            "CREATE TRIGGER ann BEFORE INSERT ON in_flight BEGIN SELECT RAISE(ABORT, 'no'); END");
  const std::string told = trouble_of_intent().what();
  CHECK(contains(told, "Not ours is the trigger \"ann\""));
  CHECK(!contains(told, "Not as kdocs-queued made it"));
}

TEST_CASE_FIXTURE(SqlFixture, "a start and init say what was renamed, and leave it as it is") {
  user.enqueue("f", "kept", "");
  const char* change = "";
  const char* undo = "";
  SUBCASE("a column") {
    change = "ALTER TABLE jobs RENAME COLUMN progress TO prog";
    undo = "ALTER TABLE jobs RENAME COLUMN \"prog\" TO progress";
  }
  SUBCASE("a column of batches") {
    change = "ALTER TABLE batches RENAME COLUMN rev TO many";
    undo = "ALTER TABLE batches RENAME COLUMN \"many\" TO rev";
  }
  SUBCASE("a column of schedules") {
    change = "ALTER TABLE schedules RENAME COLUMN last_at TO then_at";
    undo = "ALTER TABLE schedules RENAME COLUMN \"then_at\" TO last_at";
  }
  SUBCASE("two columns") {
    change = "ALTER TABLE jobs RENAME COLUMN progress TO prog;"
             "ALTER TABLE jobs RENAME COLUMN progress_text TO prog_text";
    undo = "ALTER TABLE jobs RENAME COLUMN \"prog\" TO progress; "
           "ALTER TABLE jobs RENAME COLUMN \"prog_text\" TO progress_text";
  }
  SUBCASE("a table") {
    change = "ALTER TABLE jobs RENAME TO tasks";
    undo = "ALTER TABLE \"tasks\" RENAME TO jobs";
  }
  SUBCASE("a table and its column") {
    change = "ALTER TABLE jobs RENAME COLUMN progress TO prog; ALTER TABLE jobs RENAME TO tasks;";
    undo = nullptr; // in two steps
  }
  user.exec(change);
  CHECK_THROWS_AS(Database{file}, StoreIncomplete);
  for (;;) {
    const std::string sentence = sentence_of([&] { Database{file}; });
    CHECK(sentence_of([&] { Database::complete(file); }) == sentence);
    CHECK(contains(sentence, file.string() + " is not as kdocs-queued made it: "));
    CHECK(!contains(sentence, "DROP"));
    CHECK(!contains(sentence, "init"));
    const auto begin = sentence.find("ALTER TABLE");
    REQUIRE(begin != std::string::npos);
    if (undo)
      CHECK(sentence.substr(begin) == undo);
    user.exec(sentence.substr(begin));
    if (sentence_of([&] { Database{file}; }).empty())
      break;
  }
  Database again(file);
  JobQueue queue(again);
  again.write([&] { CHECK(claim_job(again, queue, 1)->script == "kept"); });
}

TEST_CASE_FIXTURE(SqlFixture, "of a column that was dropped only a backup is told") {
  const char* column = "";
  const char* table = "";
  SUBCASE("the last one") {
    table = "backup";
    column = "directory";
  }
  SUBCASE("in the midst") {
    table = "requests";
    column = "endpoint";
  }
  SUBCASE("with one of a user's in its place") {
    user.exec("ALTER TABLE requests ADD COLUMN mine TEXT");
    table = "requests";
    column = "outcome";
  }
  user.exec(std::string("ALTER TABLE ") + table + " DROP COLUMN " + column);
  const std::string sentence = sentence_of([&] { Database{file}; });
  CHECK(contains(sentence, file.string() + " lacks the column " + column + " of " + table));
  CHECK(contains(sentence, "Restore a backup"));
  CHECK(!contains(sentence, "init"));
  const std::string of_init = sentence_of([&] { Database::complete(file); });
  CHECK(of_init == sentence);
}

TEST_CASE_FIXTURE(Fixture, "a column that a user has added is no trouble") {
  user.exec("ALTER TABLE jobs ADD COLUMN mine TEXT; ALTER TABLE quota ADD COLUMN mine TEXT");
  CHECK(std::string(trouble_of_quota().what()).empty());
  CHECK(sentence_of([&] { Database{file}; }).empty());
}

TEST_CASE_FIXTURE(SqlFixture, "what was put right before anybody could look is tried again") {
  SQLite::Database db(file.string(), SQLite::OPEN_READWRITE);
  const SQLite::Exception error("no such column: progress", SQLITE_ERROR);
  try {
    rethrow(error, file, &db);
  } catch (const StoreUnavailable& trouble) {
    CHECK(trouble.is_general());
    CHECK(contains(trouble.what(), "was not as kdocs-queued made it: no such column: progress"));
  }
  user.exec("DROP VIEW health; CREATE VIEW health AS SELECT 1 AS one");
  CHECK_THROWS_AS(rethrow(error, file, &db), StoreIncomplete);
}
