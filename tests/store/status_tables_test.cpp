// What people tell the daemon besides jobs: pauses and watches.
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

TEST_CASE_FIXTURE(SqlFixture, "a pause is INSERTed, repeated, changed and DELETEd") {
  CHECK(user.attempt("INSERT INTO pauses(scope) VALUES ('all')") == "");
  CHECK(user.attempt("INSERT INTO pauses(scope, reason) VALUES ('all', 'the service moves')") ==
        "");
  CHECK(user.attempt("INSERT INTO pauses(scope, key) VALUES ('app', 'default'), ('file', 'f')") ==
        "");
  CHECK(user.number("SELECT count(*) FROM pauses") == 3);
  CHECK(user.text("SELECT reason FROM pauses WHERE scope = 'all'") == "the service moves");
  CHECK(user.number("SELECT created_at <= strftime('%Y-%m-%d %H:%M:%f', 'now') FROM pauses") == 1);
  CHECK(user.attempt("UPDATE pauses SET reason = 'later' WHERE scope = 'file'") == "");
  user.exec("DELETE FROM pauses");
  CHECK(user.number("SELECT count(*) FROM pauses") == 0);
}

TEST_CASE_FIXTURE(SqlFixture, "a pause that names nothing is refused with a sentence") {
  const auto insert = [&](const std::string& values) {
    const std::string refusal =
        user.attempt("INSERT INTO pauses(scope, key) VALUES (" + values + ")");
    CHECK(user.attempt("INSERT OR IGNORE INTO pauses(scope, key) VALUES (" + values + ")") ==
          refusal);
    return refusal;
  };
  CHECK(contains(insert("'everything', ''"), "scope must be all, app or file"));
  CHECK(contains(insert("'all', 'f'"), "a pause of all has no key"));
  CHECK(contains(insert("'app', ''"), "key must say which one is paused"));
  CHECK(contains(insert("'file', ''"), "key must say which one is paused"));
  CHECK(user.number("SELECT count(*) FROM pauses") == 0);
}

TEST_CASE_FIXTURE(SqlFixture, "a watch lasts ten minutes unless told, and a second one renews it") {
  user.enqueue("f", "x", "");
  user.exec("INSERT INTO watches(job_id) VALUES (1)");
  CHECK(user.number("SELECT abs(julianday(until) - julianday('now', '+10 minutes')) < 1.0 / 1440 "
                    "FROM watches") == 1);
  user.exec("INSERT INTO watches(job_id, until) VALUES (1, '2126-01-01 00:00:00')");
  CHECK(user.text("SELECT until FROM watches") == "2126-01-01 00:00:00");
  user.exec("INSERT INTO watches(job_id, until) VALUES (1, NULL)");
  CHECK(user.number("SELECT until < '2126' FROM watches") == 1);
  CHECK(user.number("SELECT count(*) FROM watches") == 1);
}

TEST_CASE_FIXTURE(SqlFixture, "a watch of no job or until no time is refused with a sentence") {
  user.enqueue("f", "x", "");
  CHECK(contains(user.attempt("INSERT INTO watches(job_id) VALUES (2)"),
                 "there is no job with this id"));
  for (const char* until : {"'soon'", "'2026-02-30 00:00:00'", "'2026-01-31T09:00:00'", "5"})
    CHECK(contains(
        user.attempt("INSERT INTO watches(job_id, until) VALUES (1, " + std::string(until) + ")"),
        "until must be a UTC time"));
  CHECK(user.number("SELECT count(*) FROM watches") == 0);
}

TEST_CASE_FIXTURE(SqlFixture, "watches whose time has passed go with the next INSERT") {
  for (int i = 0; i < 3; ++i)
    user.enqueue("f", "x", "");
  user.exec("INSERT INTO watches(job_id) VALUES (1), (2)");
  user.exec("UPDATE watches SET until = '2020-01-01 00:00:00' WHERE job_id = 1");
  CHECK(user.number("SELECT count(*) FROM watches") == 2);
  user.exec("INSERT INTO watches(job_id) VALUES (3)");
  CHECK(user.column("SELECT job_id FROM watches") == std::vector<std::string>{"2", "3"});
}

TEST_CASE_FIXTURE(SqlFixture, "a job takes its watch with it") {
  user.enqueue("f", "x", "");
  user.exec("INSERT INTO watches(job_id) VALUES (1); DELETE FROM jobs");
  CHECK(user.number("SELECT count(*) FROM watches") == 0);
}
