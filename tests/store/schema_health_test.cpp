// The view health: a row for each thing a person should know, and none if all is well.
#include "store/status_tables.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

using Rows = std::vector<std::string>;

struct Fixture : SqlFixture {
  Fixture() {
    daemon_runs();
    user.exec("UPDATE apps SET day = 'today',"
              "  day_begins = strftime('%Y-%m-%d %H:%M:%f', 'now', '-12 hours'),"
              "  day_ends = '2126-01-01 00:00:00.000'");
  }
  Rows health() { return user.column("SELECT subject || ': ' || message FROM health"); }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "all is well: no rows, whatever is queued or has ended") {
  user.enqueue("f", "x", "");
  user.enqueue("f", "x", "");
  go(1, {"submitting", "running", "failed"});
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(SqlFixture, "a daemon that never ran is told") {
  CHECK(user.column("SELECT subject || ': ' || message FROM health") ==
        Rows{"daemon: the daemon has not run with this database yet: start kdocs-queued"});
}

TEST_CASE_FIXTURE(Fixture, "a stopped daemon is told, with the time") {
  user.exec("UPDATE daemon SET stopped_at = '2026-01-02 00:00:00.000'");
  CHECK(health() == Rows{"daemon: the daemon is stopped: start kdocs-queued"});
  CHECK(user.text("SELECT since FROM health") == "2026-01-02 00:00:00.000");
}

TEST_CASE_FIXTURE(Fixture, "why a daemon had to stop is told until the next one runs") {
  Database::note_stop(file, "no more memory", *parse_time("2026-01-02 00:00:00"));
  CHECK(health() == Rows{"daemon: the daemon had to stop: no more memory"});
  CHECK(user.text("SELECT since FROM health") == "2026-01-02 00:00:00.000");
  database.write([&] { StatusTables(database).started(WallTime{}); });
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "what keeps the daemon from writing is told, since when") {
  StatusTables tables(database);
  const auto tell = [&](const std::string& sentence, const char* at) {
    database.write([&] { tables.trouble(sentence, *parse_time(at)); });
  };
  tell("no", "2026-01-02 00:00:00");
  tell("not at all", "2026-01-03 00:00:00");
  CHECK(health() == Rows{"database: not at all"});
  CHECK(user.text("SELECT since FROM health") == "2026-01-02 00:00:00.000");
  tell("", "2026-01-04 00:00:00");
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "an app that is not ready is told once, with its reason") {
  user.exec("UPDATE apps SET state = 'blocked', since = '2026-01-02 00:00:00.000', "
            "reason = 'the token has expired', start_wait = 'the token has expired', "
            "poll_wait = 'the token has expired'");
  CHECK(health() == Rows{"app default: the app is blocked: the token has expired"});
  CHECK(user.text("SELECT since FROM health") == "2026-01-02 00:00:00.000");
}

TEST_CASE_FIXTURE(Fixture, "each pause is told with the statement that ends it") {
  user.exec("INSERT INTO pauses(scope, key, reason) VALUES ('all', '', NULL), "
            "('file', 'it''s', 'being edited')");
  CHECK(health() ==
        Rows{"all: new starts are paused; to go on: DELETE FROM pauses WHERE scope = 'all'",
             "file it's: new starts are paused (being edited); to go on: DELETE FROM pauses "
             "WHERE scope = 'file' AND key = 'it''s'"});
  user.exec("DELETE FROM pauses WHERE scope = 'file' AND key = 'it''s'");
  CHECK(health().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "unconfirmed jobs are counted") {
  user.enqueue("f", "x", "");
  user.enqueue("g", "x", "");
  go(1, {"submitting", "unconfirmed"});
  CHECK(health().size() == 1);
  CHECK(contains(health()[0], "jobs: 1 job is unconfirmed"));
  CHECK(contains(health()[0], "decide: set state to queued or cancelled"));
  go(2, {"submitting", "unconfirmed"});
  CHECK(contains(health()[0], "jobs: 2 jobs are unconfirmed"));
}

TEST_CASE_FIXTURE(Fixture,
                  "what is held since a restore is counted by itself, with what releases it") {
  for (int i = 0; i < 4; ++i)
    user.enqueue("f" + std::to_string(i), "x", "");
  for (int job = 1; job < 4; ++job)
    go(job, {"submitting", "unconfirmed"});
  user.exec("UPDATE jobs SET error = 'held: the queue was restored' WHERE id < 3");
  REQUIRE(health().size() == 2);
  CHECK(contains(health()[0], "jobs: 1 job is unconfirmed"));
  CHECK(contains(health()[1], "jobs: 2 jobs are held (unconfirmed) since the queue was restored"));
  const std::string said = health()[1];
  const std::size_t begin = said.find("UPDATE jobs");
  user.exec(said.substr(begin, said.find(" (of one file") - begin));
  CHECK(user.column("SELECT state FROM jobs") == Rows{"queued", "queued", "unconfirmed", "queued"});
  CHECK(health().size() == 1);
  for (const std::string& step : plan("SELECT * FROM health"))
    CHECK(step != "SCAN jobs");
}

TEST_CASE_FIXTURE(Fixture, "a backup that is overdue is told, and why none can be made") {
  const auto settings = [&](const char* since, const char* made_at) {
    user.exec("INSERT OR REPLACE INTO backup(one, directory, every_s, since, made_at, file) VALUES "
              "(1, '/b', 3600, strftime('%Y-%m-%d %H:%M:%f', 'now', '" +
              std::string(since) + "'), strftime('%Y-%m-%d %H:%M:%f', 'now', " + made_at +
              "), '/b/queue.db')");
  };
  settings("-119 minutes", "NULL");
  CHECK(health().empty());
  settings("-121 minutes", "NULL");
  REQUIRE(health().size() == 1);
  CHECK(contains(health()[0], "backup: no backup was made for more than twice the time"));
  CHECK(contains(health()[0], "there is none yet"));
  settings("-10 days", "'-119 minutes'");
  CHECK(health().empty());
  settings("-10 days", "'-121 minutes'");
  REQUIRE(health().size() == 1);
  CHECK(contains(health()[0], "the last good one is of 20"));
  CHECK(contains(health()[0], "(/b/queue.db)"));
  settings("-1 minutes", "'-10 days'"); // there was no time yet
  CHECK(health().empty());
  user.exec("UPDATE backup SET error = 'the disk is full'");
  CHECK(contains(health()[0], "backup: no backup can be made: the disk is full; the last good"));
}

TEST_CASE_FIXTURE(Fixture, "jobs that wait for one that did not succeed are counted") {
  user.enqueue("f", "x", "");
  user.exec("INSERT INTO jobs(file_token, script, depends_on) VALUES ('g', 'x', 1), ('h', 'x', 1), "
            "('i', 'x', 2)");
  CHECK(health().empty());
  go(1, {"cancelled"});
  settle();
  REQUIRE(health().size() == 1);
  CHECK(contains(health()[0], "jobs: 2 jobs wait for a job or batch that has failed"));
  go(2, {"cancelled"});
  settle();
  CHECK(contains(health()[0], "jobs: 2 jobs wait")); // 3 for 1, and now 4 for 2
  go(1, {"queued"});
  CHECK(contains(health()[0], "jobs: 1 job waits"));
}

TEST_CASE_FIXTURE(Fixture, "a budget that is used up is told, unless a wait of the app says it") {
  user.exec("INSERT INTO quota(app, endpoint, day, allowed, used) VALUES "
            "('default', 'submit', 'today', 500, 500)");
  CHECK(health() == Rows{"app default: today's starts are used up (500 of 500) until "
                         "2126-01-01 00:00:00 UTC"});
  user.exec("UPDATE apps SET state = 'waiting', start_wait = 'none left', reason = 'none left'");
  CHECK(health() == Rows{"app default: the app is waiting: none left"});
}

TEST_CASE_FIXTURE(Fixture, "others who use the app are told") {
  user.exec("INSERT INTO quota(app, endpoint, day, allowed, used, others) VALUES "
            "('default', 'status', 'today', 10000, 700, 600)");
  CHECK(health() == Rows{"app default: others use the app default: 600 of today's status requests "
                         "were not sent from here"});
}

TEST_CASE_FIXTURE(Fixture,
                  "health reads of the jobs what is open, and of the queue what is stuck") {
  for (const std::string& step : plan("SELECT * FROM health")) {
    CHECK_MESSAGE((!contains(step, " jobs") || contains(step, "USING INDEX jobs_open")), step);
    CHECK_MESSAGE((!contains(step, " needs") || contains(step, "INDEX needs_stuck")), step);
    CHECK_MESSAGE((!contains(step, " queue") || contains(step, "USING INDEX queue_ready")), step);
  }
}

TEST_CASE_FIXTURE(Fixture, "what runs for an app that is not configured any more is told") {
  for (const char* app : {"gone", "gone", "default"})
    user.exec("INSERT INTO jobs(file_token, script, app) VALUES ('f', 'x', '" + std::string(app) +
              "')");
  go(1, {"submitting", "running"});
  go(3, {"submitting", "running"});
  user.exec("UPDATE jobs SET task_id = id");
  CHECK(
      health() ==
      Rows{"app gone: 1 job of the app runs, but it is not configured, so nobody asks about them: "
           "configure it again, or set their state to cancelled (SELECT id FROM jobs WHERE state "
           "= 'running' AND app = 'gone')"});
  go(1, {"cancelled"});
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "what a schedule cannot do is told, and a daemon that looks at none") {
  user.exec("INSERT INTO schedules(name, cron, file_token, script) VALUES "
            "('a', '@daily', 'f', 'x'), ('b', '@daily', 'f', 'x');"
            "UPDATE schedules SET error = 'no such hour', rev = rev + 1 WHERE name = 'b'");
  CHECK(health() == Rows{"schedule b: no such hour"});
  user.exec("UPDATE schedules SET error = NULL, rev = rev + 1;"
            "UPDATE daemon SET seen_at = '2026-01-01 00:00:00.000'");
  CHECK(health().empty());
  user.exec("UPDATE schedules SET next_at = '2026-01-02 00:00:00.000', rev = rev + 1");
  REQUIRE(health().size() == 1);
  CHECK(contains(health()[0], "daemon: the daemon does not run"));
}

TEST_CASE_FIXTURE(Fixture, "a schedule whose time has come, and of which nothing can be written") {
  user.exec("INSERT INTO schedules(name, cron, file_token, script) VALUES "
            "('a', '@daily', 'f', 'x'), ('b', '@daily', 'f', 'x'), ('c', '@daily', 'f', 'x');"
            "UPDATE schedules SET rev = rev + 1, next_at = strftime('%Y-%m-%d %H:%M:%f', 'now', "
            "iif(name = 'a', '-3 minutes', '-1 minute')) WHERE name <> 'c';"
            "UPDATE daemon SET seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), "
            "started_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-4 minutes')");
  const Rows found = health();
  REQUIRE(found.size() == 1);
  CHECK(contains(found[0], "schedule a: its time 20"));
  user.exec("UPDATE schedules SET error = 'refused', rev = rev + 1 WHERE name = 'a'");
  CHECK(health() == Rows{"schedule a: refused"});
  user.exec("UPDATE schedules SET error = NULL, rev = rev + 1;"
            "UPDATE daemon SET started_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 minute')");
  CHECK(health().empty()); // it makes up for what it has missed
}

TEST_CASE_FIXTURE(Fixture, "jobs whose state somebody has written by hand are told") {
  for (int i = 0; i < 4; ++i)
    user.enqueue("f", "x", "");
  go(2, {"submitting"});
  CHECK(user.text("SELECT message FROM health") ==
        "job 2 is submitting or running by somebody's hand, and nobody follows it: set the state "
        "to cancelled, and then to queued if the script is to run");
  go(3, {"submitting", "running"});
  CHECK(contains(user.text("SELECT message FROM health"), "job 2 and 1 more are submitting"));
  // As the daemon does it.
  user.exec("INSERT INTO in_flight VALUES (2, 0, 'submit', 'x', 0);"
            "UPDATE jobs SET task_id = 't' WHERE id = 3");
  CHECK(user.number("SELECT count(*) FROM health") == 0);
  go(3, {"succeeded"});
  CHECK(user.number("SELECT finished_at IS NOT NULL AND cause IS NULL FROM jobs WHERE id = 3") ==
        1); // so that it can be retained
}
