// The table classes, and the scan of the queue class by class.
#include "store/quota_ledger.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

#include <set>
#include <utility>

using namespace kdq;
using namespace kdq::test;

namespace {

using Ids = std::vector<std::int64_t>;

struct Fixture : QueueFixture {
  std::set<std::string> busy;

  void one_job_a_file() {
    user.exec("INSERT INTO daemon(one, started_at, max_running_per_file) VALUES (1, 'then', 1)");
  }
  void insert(const std::string& name, const std::string& job_class, const std::string& more = "",
              const std::string& value = "") {
    user.exec("INSERT INTO jobs(file_token, script, class" + more + ") VALUES ('" + name +
              "', 'x', nullif('" + job_class + "', '')" + value + ")");
  }
  /// One scan, its rows set aside, as the engine does it.
  Ids startable(const std::string& job_class, bool scheduled_only = false) {
    JobClass of;
    of.name = job_class;
    const QueueScan scan = scanner.scan(
        {"default", of, scheduled_only}, now, 100, busy.size(),
        [&](const std::string& name) { return std::size_t{busy.contains(name) ? 0u : 1u}; });
    database.write([&] { queue.set_aside(scan); });
    Ids ids;
    for (const auto& entry : scan.startable)
      ids.push_back(entry.id.value);
    return ids;
  }
  std::vector<std::string> classes(const std::string& from = "", std::size_t at_most = 100) {
    std::vector<std::string> names;
    for (const JobClass& one : scanner.queued_classes("default", from, at_most))
      names.push_back(one.name);
    return names;
  }
};

using Names = std::vector<std::string>;

} // namespace

TEST_CASE_FIXTURE(Fixture, "what is no class is refused with a sentence, also by OR IGNORE") {
  for (const auto& [values, sentence] : std::initializer_list<std::pair<const char*, const char*>>{
           {"'', 'a', 1, NULL, NULL", "app must not be empty"},
           {"NULL, 'a', 1, NULL, NULL", "app must not be empty"},
           {"'default', '', 1, NULL, NULL", "name must not be empty"},
           {"'default', NULL, 1, NULL, NULL", "name must not be empty"},
           {"'default', 'a', 0, NULL, NULL", "weight must be a whole number from 1 to 1000"},
           {"'default', 'a', 1001, NULL, NULL", "weight must be a whole number from 1 to 1000"},
           {"'default', 'a', NULL, NULL, NULL", "weight must be a whole number from 1 to 1000"},
           {"'default', 'a', 2.5, NULL, NULL", "cannot store REAL value in INTEGER column"},
           {"'default', 'a', 1, -1, NULL", "max_running must not be negative"},
           {"'default', 'a', 1, NULL, -1", "starts_per_day must not be negative"},
           {"'default', 'a', 1, NULL, 'many'", "cannot store TEXT value in INTEGER column"}}) {
    const std::string given = values; // clang takes no binding into a lambda
    CAPTURE(given);
    for (const std::string verb : {"INSERT", "INSERT OR IGNORE"})
      CHECK(contains(user.attempt(verb + " INTO classes VALUES (" + values + ")"), sentence));
  }
  user.exec("INSERT INTO classes(name) VALUES ('a')");
  CHECK(user.text("SELECT app || name || weight || coalesce(max_running, '-') || "
                  "coalesce(starts_per_day, '-') FROM classes") == "defaulta1--");
  CHECK(contains(user.attempt("UPDATE OR IGNORE classes SET weight = 0"), "weight must be"));
  CHECK(contains(user.attempt("UPDATE classes SET max_running = -3"), "max_running must not"));
  user.exec("INSERT OR REPLACE INTO classes(name, weight, max_running) VALUES ('a', 1000, 0)");
  user.exec("UPDATE classes SET starts_per_day = 0");
  user.exec("DELETE FROM classes");
}

TEST_CASE_FIXTURE(Fixture, "each class is scanned on its own, in claim order") {
  insert("a", "");
  insert("b", "bulk");
  insert("c", "nightly", ", priority", ", 1");
  insert("d", "nightly");
  insert("e", "");
  CHECK(startable("") == Ids{1, 5});
  CHECK(startable("bulk") == Ids{2});
  CHECK(startable("nightly") == Ids{4, 3});
  CHECK(startable("none").empty());
  user.exec("UPDATE jobs SET class = 'bulk' WHERE id = 4");
  CHECK(startable("bulk") == Ids{2, 4});
  user.exec("UPDATE jobs SET class = NULL WHERE id = 2");
  CHECK(startable("") == Ids{1, 2, 5});
}

TEST_CASE_FIXTURE(Fixture,
                  "the classes that have something to be looked at are told, with limits") {
  insert("a", "c");
  insert("a", "a");
  insert("a", "");
  insert("b", "b", ", run_at", ", '2200-01-01 00:00:00'");
  user.exec("INSERT INTO jobs(file_token, script, app, class) VALUES ('a', 'x', 'other', 'd')");
  CHECK(classes() == Names{"", "a", "c"});
  CHECK(classes("b") == Names{"c", "", "a"});
  CHECK(classes("a") == Names{"a", "c", ""});
  CHECK(classes("b", 2) == Names{"c", ""});
  CHECK(classes("", 1) == Names{""});
  user.exec("INSERT INTO classes(name, weight, max_running, starts_per_day) VALUES "
            "('a', 3, 0, 7), ('b', 5, 5, 5);"
            "INSERT INTO classes(app, name, weight) VALUES ('other', 'c', 9)");
  const auto found = scanner.queued_classes("default", "", 100);
  CHECK(found[1].weight == 3);
  CHECK(found[1].max_running == 0);
  CHECK(found[1].starts_per_day == 7);
  CHECK(found[2].weight == 1);
  CHECK(!found[2].max_running);
  CHECK(scanner.job_class("default", "b").starts_per_day == 5);
  CHECK(!scanner.job_class("default", "c").starts_per_day);
}

TEST_CASE_FIXTURE(Fixture,
                  "what somebody has put into classes past its guards is taken as far as it goes") {
  insert("a", "a");
  user.exec("PRAGMA ignore_check_constraints = ON; DROP TRIGGER classes_insert;"
            "INSERT INTO classes VALUES ('default', 'a', -5, -1, -9223372036854775808)");
  const auto found = scanner.queued_classes("default", "", 100);
  CHECK(found[0].weight == 1);
  CHECK(found[0].max_running == 0);
  CHECK(found[0].starts_per_day == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a job is not parked behind one of another class, which may be at its limit") {
  one_job_a_file();
  insert("a", "bulk");
  insert("a", "bulk");
  insert("a", "nightly");
  insert("a", "nightly");
  insert("a", "");
  CHECK(lane(2) == "parked");
  CHECK(lane(3) == "ready");
  CHECK(lane(4) == "parked");
  CHECK(lane(5) == "ready");
  CHECK(startable("nightly") == Ids{3});
  SUBCASE("and those of its class follow when it is started") {
    database.write([&] { CHECK(queue.claim({JobId{3}, "default", "a", 0, "", "nightly"}, now)); });
  }
  SUBCASE("or ends unsent") {
    claim(3);
  }
  SUBCASE("or is cancelled") {
    user.exec("UPDATE jobs SET state = 'cancelled' WHERE id = 3");
  }
  SUBCASE("or is deleted") {
    user.exec("DELETE FROM jobs WHERE id = 3");
  }
  SUBCASE("or gets another class") {
    user.exec("UPDATE jobs SET class = 'bulk' WHERE id = 3");
  }
  CHECK(lane(4) == "ready");
  CHECK(lane(2) == "parked"); // 1 stands for it
}

TEST_CASE_FIXTURE(Fixture, "a scan parks only behind a job of the same class") {
  user.exec("INSERT INTO daemon(one, started_at, max_running_per_file) VALUES (1, 'then', 2)");
  busy.insert("a");
  for (int i = 0; i < 3; ++i) {
    insert("a", "bulk");
    insert("a", "nightly");
  }
  CHECK(startable("bulk").empty());
  CHECK(user.text("SELECT group_concat(lane) FROM (SELECT lane FROM queue ORDER BY job_id)") ==
        "ready,ready,parked,ready,parked,ready");
  CHECK(startable("nightly").empty());
  CHECK(user.number("SELECT count(*) FROM queue WHERE lane = 'ready'") == 2);
  CHECK(startable("nightly").empty());
}

TEST_CASE_FIXTURE(Fixture, "jobs of schedules can be found alone, and wait behind no other") {
  one_job_a_file();
  insert("a", "");
  insert("a", "");
  insert("a", "", ", schedule, scheduled_at", ", 's', '2026-01-01 00:00:00.000'");
  insert("a", "", ", schedule, scheduled_at", ", 's', '2026-01-02 00:00:00.000'");
  insert("b", "", ", schedule, scheduled_at", ", 's', '2026-01-03 00:00:00.000'");
  CHECK(lane(2) == "parked");
  CHECK(lane(3) == "ready");
  CHECK(lane(4) == "parked");
  CHECK(startable("", true) == Ids{3, 5});
  CHECK(startable("") == Ids{1, 5});
  CHECK(lane(3) == "ready"); // though its file's place is taken
  user.exec("UPDATE jobs SET schedule = NULL WHERE id = 3");
  CHECK(lane(4) == "ready");
  CHECK(startable("", true) == Ids{4, 5});
}

TEST_CASE_FIXTURE(Fixture,
                  "a claim is of what was found: of the same class, with a schedule or without") {
  insert("a", "bulk");
  const QueueScan::Entry found{JobId{1}, "default", "a", 0, "", "bulk"};
  CHECK(queue.still_startable(found, now));
  user.exec("UPDATE jobs SET class = 'nightly'");
  database.write([&] { CHECK(!queue.claim(found, now)); });
  CHECK(lane(1) == "ready");
  user.exec(
      "UPDATE jobs SET class = 'bulk', schedule = 's', scheduled_at = '2026-01-01 00:00:00.000'");
  CHECK(!queue.still_startable(found, now));
  database.write([&] { CHECK(claim_job(database, queue, 1)->job_class == "bulk"); });
  CHECK(queue.unfinished().at(0).job_class == "bulk");
}

TEST_CASE_FIXTURE(Fixture,
                  "a scan reads its class alone, and the names of all classes cost a look each") {
  const auto steps = [&](const std::string& sql) {
    std::string all;
    for (const std::string& step : plan(sql))
      all += step + "\n";
    return all;
  };
  const std::string scan = "SELECT job_id, file_token, due, priority, timed, scheduled FROM queue "
                           "WHERE app = 'a' AND class = 'b' AND lane = 'ready' ";
  CHECK(steps(scan + "ORDER BY priority, due, job_id") ==
        "SEARCH queue USING INDEX queue_ready (app=? AND class=?)\n");
  CHECK(
      contains(steps("SELECT job_id FROM queue WHERE app = 'a' AND class = 'b' AND lane = 'ready' "
                     "AND scheduled = 1 ORDER BY priority, due, job_id"),
               "INDEX queue_scheduled (app=? AND class=?)\n"));
  CHECK(steps("SELECT min(class) FROM queue WHERE app = 'a' AND lane = 'ready' AND class > 'b'") ==
        "SEARCH queue USING INDEX queue_ready (app=? AND class>?)\n");
  CHECK(contains(steps("SELECT job_id FROM queue WHERE app = 'a' AND file_token = 'f' AND "
                       "lane = 'parked' AND class = 'b' AND scheduled = 0 "
                       "ORDER BY priority, due, job_id LIMIT 1"),
                 "queue_file (app=? AND file_token=? AND lane=? AND class=? AND scheduled=?)\n"));
}

TEST_CASE("the starts of a class are counted beside the app's, also over a restored file") {
  TempDir dir;
  Database database(dir.path() / "q.db");
  User user(dir.path() / "q.db");
  QuotaLedger ledger(database);
  const QuotaKey app{"default", Endpoint::submit, "2026-03-02"};
  const QuotaKey bulk{"default", Endpoint::submit, "2026-03-02", "bulk"};
  const QuotaKey nightly{"default", Endpoint::submit, "2026-03-02", "nightly"};
  database.write([&] {
    CHECK(ledger.take(app, 100, 5) == 5);
    CHECK(ledger.take(bulk, 3, 5) == 3);
    CHECK(ledger.take(nightly, 9, 2) == 2);
    ledger.give_back(bulk, 1);
    CHECK(ledger.take(bulk, 3, 5) == 1);
    CHECK(ledger.take(bulk, 3, 1) == 0);
    CHECK(ledger.take(bulk, 5, 1) == 1);
  });
  CHECK(ledger.used(app) == 5);
  CHECK(ledger.used(bulk) == 4);
  CHECK(ledger.used(nightly) == 2);
  CHECK(user.text("SELECT group_concat(class || starts) FROM class_starts") == "bulk4,nightly2");
  user.exec("UPDATE class_starts SET starts = 1 WHERE class = 'bulk'");
  database.write([&] { CHECK(ledger.keep_spent()); });
  CHECK(ledger.used(bulk) == 4);
  database.write([&] { CHECK(!ledger.keep_spent()); });
  // A transaction that is not committed has counted nothing.
  CHECK_THROWS(database.write([&] {
    ledger.take(bulk, 9, 3);
    throw std::runtime_error("not committed");
  }));
  database.write([&] { CHECK(!ledger.keep_spent()); });
  CHECK(ledger.used(bulk) == 4);
}

TEST_CASE("of each class the ledger knows two days, and the table has a week") {
  TempDir dir;
  Database database(dir.path() / "q.db");
  User user(dir.path() / "q.db");
  QuotaLedger ledger(database);
  for (int day = 1; day <= 28; ++day)
    for (const char* name : {"a", "b"})
      database.write([&] {
        const std::string date =
            "2026-03-" + std::string(day < 10 ? "0" : "") + std::to_string(day);
        CHECK(ledger.take({"default", Endpoint::submit, date, name}, 9, 1) == 1);
      });
  CHECK(user.text("SELECT count(*) || min(day) FROM class_starts") == "162026-03-21");
  user.exec("DELETE FROM class_starts");
  database.write([&] { CHECK(ledger.keep_spent()); });
  CHECK(user.text("SELECT group_concat(day || class) FROM class_starts") ==
        "2026-03-27a,2026-03-27b,2026-03-28a,2026-03-28b");
}

TEST_CASE_FIXTURE(Fixture, "waiting says that the class is at a limit, and whose turn it is") {
  daemon_runs();
  user.exec("UPDATE apps SET day = '2026-03-02', day_ends = '2126-03-02 16:00:00.000'");
  insert("a", "bulk");
  insert("b", "bulk");
  const auto waits = [&](std::int64_t job) {
    return user.text("SELECT reason || ' | ' || coalesce(expected_at, '') FROM waiting "
                     "WHERE job_id = " +
                     std::to_string(job));
  };
  CHECK(contains(waits(2), "it is next in line | 2"));
  insert("c", "");
  CHECK(waits(2) == "its class bulk shares the starts of the app default with other classes (by "
                    "weight): it starts in its turn | ");
  CHECK(waits(3) == "jobs without class share the starts of the app default with other classes (by "
                    "weight): it starts in its turn | ");
  user.exec("INSERT INTO classes(name, max_running, starts_per_day) VALUES ('bulk', 1, 3)");
  go(1, {"submitting", "running"});
  CHECK(waits(2) == "its class bulk runs as many jobs as it may (max_running in classes is 1) | ");
  user.exec("INSERT INTO class_starts VALUES ('default', '2026-03-01', 'bulk', 9), "
            "('default', '2026-03-02', 'bulk', 2), ('other', '2026-03-02', 'bulk', 9)");
  CHECK(contains(waits(2), "as many jobs as it may"));
  user.exec("UPDATE class_starts SET starts = starts + 1");
  CHECK(waits(2) ==
        "its class bulk has had its starts of today (starts_per_day in classes is 3), until "
        "2126-03-02 16:00:00 UTC | 2126-03-02 16:00:00.000");
  user.exec("UPDATE classes SET starts_per_day = 0");
  CHECK(waits(2) ==
        "its class bulk has had its starts of today (starts_per_day in classes is 0) | ");
  user.exec("UPDATE classes SET starts_per_day = NULL, max_running = 0");
  CHECK(waits(2) == "its class bulk runs as many jobs as it may (max_running in classes is 0) | ");
  CHECK(contains(waits(3), "jobs without class share"));
  user.exec("UPDATE apps SET unscheduled_wait = 'kept', unscheduled_at = '2126-01-01 00:00:00'");
  CHECK(waits(3) == "kept | 2126-01-01 00:00:00");
  user.exec(
      "UPDATE jobs SET schedule = 's', scheduled_at = '2026-01-01 00:00:00.000' WHERE id = 3");
  CHECK(contains(waits(3), "jobs without class share"));
}
