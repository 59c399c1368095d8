// The journal of intents, and what is kept of requests.
#include "store/request_log.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : QueueFixture {
  RequestLog requests{database};

  Fixture() {
    user.enqueue("a", "x", "");
    claim(1);
    run(1);
  }
  Intent poll() { return {JobId{1}, 1, Endpoint::status, now, rows[1].rev}; }
  void begin(const Intent& intent) {
    database.write([&] { requests.begin(intent); });
  }
  std::int64_t open() { return user.number("SELECT count(*) FROM in_flight"); }
  bool advance(const Intent& intent, std::size_t entries) {
    bool advanced = false;
    database.write([&] { advanced = requests.advance(intent, entries); });
    return advanced;
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture,
                  "an intent is there until its answer is stored, and is read back whole") {
  const Intent intent = poll();
  begin(intent);
  REQUIRE(requests.in_flight().size() == 1);
  const Intent open_intent = requests.in_flight()[0].intent;
  CHECK(open_intent.job == intent.job);
  CHECK(open_intent.attempt == 1);
  CHECK(open_intent.endpoint == Endpoint::status);
  CHECK(open_intent.sent_at == intent.sent_at);
  CHECK(open_intent.rev == intent.rev);
  REQUIRE(report(1));
  database.write([&] { CHECK(requests.end(intent)); });
  CHECK(open() == 0);
  database.write([&] { CHECK_FALSE(requests.end(intent)); });
}

TEST_CASE_FIXTURE(Fixture, "an open request knows from when on it may have taken lines") {
  const auto begins = [&] { return to_text(requests.in_flight().at(0).log_begins); };
  const auto complete_until = [&] {
    return to_text(requests.in_flight().at(0).log_complete_until);
  };
  Intent intent = poll();
  intent.sent_at += std::chrono::seconds(5);
  begin(intent);
  const std::string started = user.text("SELECT submitted_at FROM jobs");
  REQUIRE(started < to_text(intent.sent_at));
  CHECK(begins() == started);
  CHECK(complete_until() == started);
  user.exec("UPDATE jobs SET reported_at = '2026-01-01 00:00:00.001', state = 'cancelled'");
  CHECK(begins() == started);
  CHECK(complete_until() == "2026-01-01 00:00:00.001");
  SUBCASE("of a job that was queued again: from its accepted start on") {
    user.exec("INSERT INTO requests(job_id, attempt, endpoint, sent_at, outcome) VALUES "
              "(1, 1, 'submit', '2026-01-01 00:00:00.000', 'accepted'), "
              "(1, 1, 'status', '2026-01-02 00:00:00.000', 'accepted')");
    user.exec("UPDATE jobs SET state = 'queued'");
    CHECK(begins() == "2026-01-01 00:00:00.000");
    CHECK(complete_until() == "2026-01-01 00:00:00.000");
  }
  SUBCASE("of which nothing is known: from when it was sent") {
    user.exec("DELETE FROM jobs");
    user.exec("INSERT INTO in_flight VALUES (1, 1, 'status', '2026-01-03 00:00:00.000', 1)");
    CHECK(begins() == "2026-01-03 00:00:00.000");
    CHECK(complete_until() == "2026-01-03 00:00:00.000");
  }
}

TEST_CASE_FIXTURE(Fixture, "an answer ends only the intent it is about") {
  begin(poll());
  Intent other = poll();
  REQUIRE(report(1));
  SUBCASE("of another attempt") {
    other.attempt = 2;
  }
  SUBCASE("of another time") {
    other.sent_at += std::chrono::milliseconds(1);
  }
  SUBCASE("of the other endpoint") {
    other.endpoint = Endpoint::submit;
  }
  SUBCASE("of another revision") {
    other.rev += 1;
  }
  database.write([&] { CHECK_FALSE(requests.end(other)); });
  CHECK(open() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a user cannot take away what is on its way, unless the job goes") {
  begin(poll());
  CHECK(contains(user.attempt("DELETE FROM in_flight"), "this request is on its way"));
  CHECK(contains(user.attempt("UPDATE in_flight SET attempt = 7"), "cannot be changed"));
  SUBCASE("cancelled") {
    user.exec("UPDATE jobs SET state = 'cancelled'");
    CHECK(user.attempt("DELETE FROM in_flight") == "");
  }
  SUBCASE("deleted") {
    user.exec("UPDATE jobs SET state = 'cancelled'; DELETE FROM jobs");
  }
  CHECK(open() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a row that somebody put there does not stand in the way of an intent") {
  user.exec("INSERT INTO in_flight VALUES (1, 1, 'submit', 'never', 99)");
  begin(poll());
  REQUIRE(requests.in_flight().size() == 1);
  CHECK(requests.in_flight()[0].intent.rev == rows[1].rev);
}

TEST_CASE_FIXTURE(Fixture, "an intent that a user's trigger ignores is no intent") {
  user.exec("CREATE TRIGGER mine BEFORE INSERT ON in_flight BEGIN SELECT RAISE(IGNORE); END");
  CHECK_THROWS_AS(begin(poll()), StoreUnavailable);
  CHECK(open() == 0);
}

TEST_CASE_FIXTURE(Fixture, "the raw body is kept byte for byte, and an empty one is none") {
  RequestRecord record{poll(), now, 200, RequestOutcome::damaged, std::string("a\0\xff", 3)};
  database.write([&] { requests.record(record); });
  CHECK(user.text("SELECT hex(body) || http_status || outcome FROM requests") ==
        "6100FF200damaged");
  record.body.clear();
  record.http_status = 0;
  record.outcome = RequestOutcome::lost;
  database.write([&] { requests.record(record); });
  CHECK(user.number("SELECT count(*) FROM requests WHERE body IS NULL AND http_status IS NULL AND "
                    "outcome = 'lost' AND answered_at IS NOT NULL") == 1);
}

TEST_CASE_FIXTURE(Fixture, "that lines of a reply are stored is not noted because of a trigger, or "
                           "because nobody waits for them") {
  const Intent intent = poll();
  CHECK_FALSE(advance(intent, 5));
  begin(intent);
  user.exec("CREATE TRIGGER deaf BEFORE INSERT ON reply_parts BEGIN SELECT RAISE(IGNORE); END");
  database.accept_schema();
  CHECK_THROWS_WITH_AS(advance(intent, 5), doctest::Contains("DROP TRIGGER \"deaf\""),
                       StoreUnavailable);
  user.exec("DROP TRIGGER deaf");
  database.accept_schema();
  CHECK(advance(intent, 5));
  CHECK(advance(intent, 7));
  CHECK(requests.in_flight().at(0).entries_stored == 12);
}

TEST_CASE_FIXTURE(Fixture, "what somebody else writes into reply_parts stops nothing") {
  const Intent intent = poll();
  begin(intent);
  for (const char* entries : {"9223372036854775807", "-9223372036854775808"}) {
    user.exec("REPLACE INTO reply_parts SELECT job_id, attempt, sent_at, " + std::string(entries) +
              " FROM in_flight");
    CHECK(advance(intent, 5));
  }
}

TEST_CASE_FIXTURE(Fixture, "a row of in_flight that cannot be ours is no open request") {
  user.exec("INSERT INTO in_flight VALUES (1, 4294967297, 'status', 'garbage', 0),"
            "(1, 2, 'status', 'garbage', 0), (1, -1, 'status', '2026-01-01 00:00:00.000', 0)");
  CHECK(requests.in_flight().empty());
}
