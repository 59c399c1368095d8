// What users may put into the file, or take out of it: it must not stop the daemon for long, and
// the sentence says what to do.
#include "store/quota_ledger.h"
#include "store/request_log.h"
#include "store/result_log.h"
#include "tests/store/sql_fixture.h"
#include "tests/store/trouble.h"
#include "tests/support/no_descriptors.h"

#include <doctest/doctest.h>

#include <optional>

using namespace kdq;
using namespace kdq::test;

namespace {

using Cause = StoreUnavailable::Cause;
using namespace std::chrono_literals;

constexpr char endless[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) "
                           "SELECT count(*) FROM n";

struct Fixture : QueueFixture {
  ResultLog log{database};
  RequestLog requests{database};
  QuotaLedger ledger{database};

  StoreUnavailable trouble(const std::function<void()>& change) {
    return trouble_of(database, change);
  }
  StoreUnavailable trouble_of_quota() {
    return trouble([&] { ledger.take({"a", Endpoint::submit, "d"}, 10, 1); });
  }
  void plant(const std::string& name, const std::string& on, const std::string& body) {
    user.exec("CREATE TRIGGER " + name + " " + on + " BEGIN " + body + "; END");
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a trigger without end is given up by the clock, and named") {
  plant("evil", "AFTER INSERT ON quota", endless);
  SteadyTime clock{};
  int looks = 0;
  database.bound_time([&] { return ++looks, clock += 100ms; });
  const StoreUnavailable told = trouble_of_quota();
  CHECK(told.cause == Cause::too_long);
  CHECK(contains(told.what(), file.string()));
  CHECK(contains(told.what(), "trigger \"evil\" on quota"));
  CHECK(contains(told.what(), "DROP TRIGGER \"evil\""));
  CHECK(looks < 15);
  // Afterwards nothing is bounded by what is over.
  user.exec("DROP TRIGGER evil");
  clock += 1h;
  CHECK(database.foreign_change());
  database.read([&] { CHECK(queue.queued() == 0); });
  CHECK(std::string(trouble_of_quota().what()).empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "with a clock that stands still a trigger without end is given up, too") {
  plant("evil", "AFTER INSERT ON quota", endless);
  database.bound_time([] { return SteadyTime{}; });
  CHECK(trouble_of_quota().cause == Cause::too_long);
}

TEST_CASE_FIXTURE(Fixture, "what is asked for may take its time") {
  SteadyTime clock{};
  database.bound_time([&] { return clock += 2ms; });
  const auto append = [&](std::size_t asked) {
    const std::vector<LogLine> lines(20'000, LogLine{"info", "", {}, "", "[]", ""});
    return sentence_of(
        [&] { database.write([&] { log.append(JobId{1}, 1, lines, now); }, asked); });
  };
  CHECK(contains(append(0), "did not come to an end"));
  CHECK(append(20'000).empty());
  CHECK(user.number("SELECT max(seq) FROM logs") == 20'000);
}

TEST_CASE_FIXTURE(Fixture, "a trigger that wants all memory is refused, and named") {
  std::string body;
  SUBCASE("a long value") {
    body = "SELECT length(hex(zeroblob(400000000)))";
  }
  SUBCASE("many values") {
    body = "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
           "LIMIT 20) SELECT DISTINCT randomblob(50000000) FROM n)";
  }
  plant("greedy", "AFTER INSERT ON quota", body);
  const StoreUnavailable told = trouble_of_quota();
  CHECK(told.cause == Cause::too_long);
  CHECK(contains(told.what(), "DROP TRIGGER \"greedy\""));
  CHECK(user.number("SELECT count(*) FROM quota") == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a trigger that fails is named with its message, whatever its way to fail") {
  const char* body = "";
  const char* message = "";
  SUBCASE("ABORT") {
    body = "SELECT RAISE(ABORT, 'not on Sundays')";
    message = "not on Sundays";
  }
  SUBCASE("FAIL") {
    body = "SELECT RAISE(FAIL, 'not on Sundays')";
    message = "not on Sundays";
  }
  SUBCASE("ROLLBACK") {
    body = "SELECT RAISE(ROLLBACK, 'not on Sundays')";
    message = "not on Sundays";
  }
  SUBCASE("a constraint") {
    user.exec("CREATE TABLE audit(app CHECK (app <> 'a'))");
    body = "INSERT INTO audit VALUES (NEW.app)";
    message = "CHECK constraint failed: app <> 'a'";
  }
  SUBCASE("a table that is gone") {
    body = "INSERT INTO nowhere VALUES (NEW.app)";
    message = "no such table: main.nowhere";
  }
  SUBCASE("a function of the shell") {
    body = "SELECT sha3(NEW.app)";
    message = "no such function: sha3";
  }
  SUBCASE("an error of a function") {
    body = "SELECT json(NEW.app)";
    message = "malformed JSON";
  }
  plant("ann", "BEFORE INSERT ON quota", body);
  const StoreUnavailable told = trouble_of_quota();
  CHECK(told.cause == Cause::refused);
  CHECK(contains(told.what(), file.string() + " refuses"));
  CHECK(contains(told.what(), message));
  CHECK(contains(told.what(), "trigger \"ann\" on quota: it goes with DROP TRIGGER \"ann\""));
  user.exec("DROP TRIGGER ann");
  CHECK(std::string(trouble_of_quota().what()).empty());
}

TEST_CASE_FIXTURE(Fixture, "a unique index of a user's is named, other indexes are not") {
  user.exec("CREATE INDEX plain ON requests(outcome); CREATE UNIQUE INDEX \"one \"\"word\" ON "
            "requests(outcome)");
  const auto record = [&] {
    requests.record({{JobId{1}, 1, Endpoint::submit, now, 1}, now, 0, {}, ""});
  };
  CHECK(std::string(trouble(record).what()).empty());
  const StoreUnavailable told = trouble(record);
  CHECK(contains(told.what(), "UNIQUE constraint failed: requests.outcome"));
  CHECK(contains(told.what(), "DROP INDEX \"one \"\"word\""));
  CHECK(!contains(told.what(), "plain"));
}

TEST_CASE("a trigger that cannot be prepared does not keep the daemon from its start") {
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  { Database database(file); }
  User user(file);
  user.exec("CREATE TRIGGER ann AFTER INSERT ON quota BEGIN SELECT sha3(NEW.app); END");
  Database database(file);
  QuotaLedger ledger(database);
  const auto take = [&] {
    return sentence_of([&] {
      database.write([&] { ledger.take({"a", Endpoint::submit, "d"}, 10, 1); });
    });
  };
  CHECK(contains(take(), "no such function: sha3"));
  user.exec("DROP TRIGGER ann");
  CHECK(take().empty());
}

// --- rows that do not come about ----------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "a trigger that ignores a row of ours is trouble, not a loss") {
  user.enqueue("f", "x", "");
  REQUIRE(claim(1));
  const Intent intent{JobId{1}, 1, Endpoint::submit, now, rows[1].rev};
  database.write([&] { requests.begin(intent); });
  const auto next = [&](JobState state) {
    JobRow row = rows[1];
    row.state = state;
    ++row.rev;
    return row;
  };
  const char* table = "";
  const char* event = "INSERT";
  std::function<void()> change;
  SUBCASE("log lines") {
    table = "logs";
    change = [&] { log.append(JobId{1}, 1, {LogLine{"info", "", {}, "", "[]", ""}}, now); };
  }
  SUBCASE("gaps") {
    table = "logs";
    change = [&] { log.gap(JobId{1}, 1, {"lost", now, now}, now); };
  }
  SUBCASE("requests") {
    table = "requests";
    change = [&] { requests.record({intent, now, 0, {}, ""}); };
  }
  SUBCASE("intents") {
    table = "in_flight";
    change = [&] { requests.begin({JobId{2}, 1, Endpoint::submit, now, 1}); };
  }
  SUBCASE("the end of an intent") {
    table = "in_flight";
    event = "DELETE";
    user.exec("UPDATE jobs SET rev = rev + 1"); // as the daemon does, before it deletes it
    change = [&] { requests.end(intent); };
  }
  SUBCASE("quota") {
    table = "quota";
    change = [&] { ledger.take({"a", Endpoint::submit, "d"}, 10, 1); };
  }
  SUBCASE("a new state") {
    table = "jobs";
    event = "UPDATE";
    change = [&] { queue.save(JobId{1}, rows[1], next(JobState::running)); };
  }
  SUBCASE("the same state") {
    table = "jobs";
    event = "UPDATE";
    change = [&] { queue.save(JobId{1}, rows[1], next(JobState::submitting)); };
  }
  SUBCASE("a place in the queue") {
    table = "queue";
    change = [&] { queue.save(JobId{1}, rows[1], next(JobState::queued)); };
  }
  SUBCASE("a claim") {
    user.enqueue("g", "x", "");
    table = "queue";
    event = "DELETE";
    change = [&] {
      const auto found = scanner.scan({"default"}, now, 1, 0, [](const auto&) { return 1; });
      queue.claim(found.startable.at(0), now);
    };
  }
  SUBCASE("a time that has come") {
    user.exec(
        "INSERT INTO jobs(file_token, script, run_at) VALUES ('h', 'x', '2125-01-01 00:00:00')");
    table = "queue";
    event = "UPDATE";
    change = [&] { queue.promote(now); };
  }
  REQUIRE(change);
  plant("deaf", std::string("BEFORE ") + event + " ON " + table, "SELECT RAISE(IGNORE)");
  const StoreUnavailable told = trouble(change);
  CHECK(told.cause == Cause::refused);
  CHECK(contains(told.what(), file.string() + " ignores what kdocs-queued writes into " + table));
  CHECK(contains(told.what(), "DROP TRIGGER \"deaf\""));
  user.exec("DROP TRIGGER deaf");
  CHECK(std::string(trouble(change).what()).empty());
}

TEST_CASE_FIXTURE(Fixture, "a job that a user has cancelled is no trouble") {
  user.enqueue("f", "x", "");
  REQUIRE(claim(1));
  plant("deaf", "BEFORE UPDATE OF polls ON jobs", "SELECT RAISE(IGNORE)");
  user.exec("UPDATE jobs SET state = 'cancelled'");
  CHECK(!run(1));
}

// --- values that users write --------------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "lines are appended whatever places users have given to theirs") {
  const char* theirs = "";
  SUBCASE("the last one") {
    theirs = "9223372036854775807";
  }
  SUBCASE("the last one that counts") {
    theirs = "4611686018427387903";
  }
  SUBCASE("the first one that does not") {
    theirs = "4611686018427387904";
  }
  SUBCASE("a negative one") {
    theirs = "-9223372036854775808";
  }
  user.exec("INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) VALUES "
            "(1, 1, 9223372036854775806, 'info', '[]', 'theirs', 'now'), (1, 1, " +
            std::string(theirs) + ", 'info', '[]', 'theirs', 'now')");
  for (int i = 0; i < 3; ++i)
    database.write([&] {
      log.append(JobId{1}, 1, {{"info", "", {}, "", "[]", "a"}, {"info", "", {}, "", "[]", "b"}},
                 now);
      log.gap(JobId{1}, 1, {"lost", now, now}, now);
    });
  CHECK(user.number("SELECT count(*) FROM logs WHERE seq > 0 AND message <> 'theirs'") == 9);
  CHECK(user.text("SELECT group_concat(message, '') FROM (SELECT message FROM logs WHERE message "
                  "IN ('a', 'b') ORDER BY seq)") == "ababab");
}

TEST_CASE_FIXTURE(Fixture, "the daemon's counts of a job are not for users to write") {
  user.enqueue("f", "x", "");
  for (const char* value : {"9223372036854775807", "-1"})
    for (const char* column : {"attempt", "polls", "log_gaps", "rev"})
      CHECK(contains(user.attempt("UPDATE jobs SET " + std::string(column) + " = " + value),
                     "attempt, polls, log_gaps and rev are counted by the daemon"));
}

TEST_CASE_FIXTURE(Fixture, "counts that a user has made too large do not overflow") {
  user.exec("INSERT INTO quota VALUES ('a', 'submit', 'd', 5, 9223372036854775807, "
            "9223372036854775807); UPDATE job_counts SET jobs = 9223372036854775807 "
            "WHERE state <> 'queued'");
  CHECK(std::string(trouble([&] {
                      CHECK(ledger.take({"a", Endpoint::submit, "d"}, 10, 1) == 0);
                      ledger.spent_by_others({"a", Endpoint::submit, "d"}, 10);
                    }).what())
            .empty());
  database.read([&] {
    CHECK(ledger.used({"a", Endpoint::submit, "d"}) < (std::int64_t{1} << 60));
  });
  user.enqueue("f", "x", "");
  CHECK(claim(1));
}

// --- scripts that are too long ------------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "a script has a limit of bytes, together with argv") {
  const auto insert = [&](const std::string& script, const std::string& argv = "NULL") {
    return user.attempt("INSERT INTO jobs(file_token, script, argv) VALUES ('f', " + script + ", " +
                        argv + ")");
  };
  CHECK(insert("hex(zeroblob(8388608))").empty());
  CHECK(contains(insert("hex(zeroblob(8388608)) || 'x'"), "script is too long"));
  CHECK(contains(insert("zeroblob(16777217)"), "script is too long"));
  CHECK(contains(insert("hex(zeroblob(8388608))", "'{}'"), "script is too long"));
  user.exec("INSERT INTO daemon(one, max_script_bytes) VALUES (1, 5)");
  CHECK(insert("'ab€'").empty()); // five bytes, three characters
  CHECK(contains(insert("'abc€'"), "script is too long"));
  CHECK(contains(user.attempt("UPDATE jobs SET script = 'abcdef' WHERE id = 2"),
                 "script is too long"));
  // What is there already is not in the way of other changes, the daemon's among them.
  CHECK(user.attempt("UPDATE jobs SET priority = 1, run_at = '2126-01-01 00:00:00'").empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "what is longer than the daemon takes is told with the statement that ends it") {
  user.exec("INSERT INTO daemon(one, max_script_bytes) VALUES (1, 1000000000)");
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', zeroblob(134217729))");
  const StoreUnavailable told = trouble([&] { claim_job(database, queue, 1); });
  const std::string sentence = told.what();
  CHECK(contains(sentence, "is longer than kdocs-queued takes"));
  const auto begin = sentence.find("DELETE");
  REQUIRE(begin != std::string::npos);
  user.exec(sentence.substr(begin));
  CHECK(std::string(trouble([&] { claim_job(database, queue, 1); }).what()).empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "the longest job that may be allowed fits, with a user's trigger beside") {
  constexpr std::size_t mib = std::size_t{1} << 20;
  user.exec("INSERT INTO daemon(one, max_script_bytes) VALUES (1, 67108864);"
            "CREATE TABLE audit(script, result);"
            "CREATE TRIGGER ann AFTER UPDATE ON jobs BEGIN "
            "INSERT INTO audit VALUES (OLD.script, NEW.result); END");
  user.enqueue("f", std::string(64 * mib, 'x'), "");
  REQUIRE(claim(1));
  REQUIRE(run(1));
  REQUIRE(end(1, JobState::failed, std::string(16 * mib, '1'), std::string(16 * mib, 'e')));
  const Intent intent{JobId{1}, 1, Endpoint::status, now, 1};
  CHECK(std::string(trouble([&] {
                      requests.record({intent, now, 200, {}, std::string(16 * mib, 'b')});
                    }).what())
            .empty());
}

// --- what is missing ----------------------------------------------------------------------------

TEST_CASE_FIXTURE(SqlFixture, "a table that was dropped is named, and init brings it back") {
  user.enqueue("f", "kept", "");
  const char* statement = "";
  const char* name = "";
  SUBCASE("a table") {
    statement = "DROP TABLE logs";
    name = "the table logs";
  }
  SUBCASE("the queue") {
    statement = "DROP TABLE queue";
    name = "the table queue, the index queue_ready";
  }
  SUBCASE("the counters") {
    statement = "DROP TABLE job_counts";
    name = "the table job_counts";
  }
  SUBCASE("a view and a trigger") {
    statement = "DROP VIEW health; DROP TRIGGER jobs_delete";
    name = "the view health, the trigger jobs_delete";
  }
  user.exec(statement);
  CHECK_THROWS_AS(Database{file}, StoreIncomplete);
  const std::string sentence = sentence_of([&] { Database{file}; });
  CHECK(contains(sentence, file.string() + " lacks " + name));
  CHECK(contains(sentence, "kdocs-queued init --database " + file.string()));
  Database::complete(file);
  Database again(file);
  JobQueue found(again);
  again.write([&] {
    found.recount();
    CHECK(claim_job(again, found, 1)->script == "kept");
  });
  CHECK(user.number("SELECT count(*) FROM logs") == 0);
}

TEST_CASE_FIXTURE(SqlFixture, "a table that is dropped while it is used is named, too") {
  ResultLog log(database);
  user.exec("DROP TABLE logs");
  CHECK_THROWS_AS(database.write([&] { log.gap(JobId{1}, 1, {}, WallTime{}); }), StoreIncomplete);
}

TEST_CASE_FIXTURE(SqlFixture,
                  "new jobs do not get the lines of those that were dropped with their table") {
  user.enqueue("f", "x", "");
  user.exec("INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) VALUES "
            "(1, 1, 1, 'info', '[]', 'old', 'now'); DROP TABLE jobs");
  Database::complete(file);
  CHECK(user.enqueue("f", "x", "") == 2);
}

TEST_CASE("a queue that .dump has written says how it is marked as one") {
  TempDir dir;
  const auto file = dir.path() / "a #?%queue.db";
  { Database database(file); }
  User(file).exec("PRAGMA application_id = 0; PRAGMA user_version = 0");
  CHECK(User(file).number("PRAGMA wal_checkpoint(TRUNCATE)") == 0);
  const std::string sentence = sentence_of([&] { Database{file}; });
  CHECK(contains(sentence, file.string() + " has all tables of a queue"));
  CHECK(Database::refusal(file) == sentence);
  const auto begin = sentence.find("\"PRAGMA") + 1;
  User(file).exec(sentence.substr(begin, sentence.rfind('"') - begin));
  Database database(file);
}

TEST_CASE(
    "a file that cannot be opened for want of descriptors says so, and nothing of permissions") {
  TempDir dir;
  const auto file = dir.path() / "queue.db";
  const auto refusal = [&] {
    const NoDescriptors none;
    return sentence_of([&] { Database{file}; });
  };
  const auto check = [](const std::string& sentence) {
    CHECK(contains(sentence, "too many open files: this process may have"));
    CHECK(!contains(sentence, "Repair: "));
  };
  check(refusal()); // it is to be made
  { Database database(file); }
  check(refusal());
}
