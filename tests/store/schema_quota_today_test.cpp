// The view quota_today: what is left of each budget, and until when it lasts.
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : SqlFixture {
  /// A day that began `hours` ago and ends `left` hours from now.
  void day(const std::string& hours, const std::string& left) {
    daemon_runs();
    user.exec("UPDATE apps SET day = 'today',"
              "  day_begins = strftime('%Y-%m-%d %H:%M:%f', 'now', '-" +
              hours +
              " hours'),"
              "  day_ends = strftime('%Y-%m-%d %H:%M:%f', 'now', '" +
              left + " hours')");
  }
  void spend(const std::string& endpoint, int used, int others = 0) {
    user.exec("INSERT INTO quota(app, endpoint, day, allowed, used, others) VALUES ('default', '" +
              endpoint + "', 'today', 1, " + std::to_string(used) + ", " + std::to_string(others) +
              ")");
  }
  void run_a_job() {
    user.enqueue("f", "x", "");
    go(1, {"submitting", "running"});
  }
  std::string of(const std::string& endpoint, const std::string& what) {
    return user.text("SELECT " + what + " FROM quota_today WHERE endpoint = '" + endpoint + "'");
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "each app has two rows, and a budget that nobody touched is whole") {
  day("12", "+12");
  user.exec("INSERT INTO apps(name, submit_quota, status_quota) VALUES ('other', 1, 2)");
  CHECK(
      user.column("SELECT app || ' ' || endpoint FROM quota_today ORDER BY 1") ==
      std::vector<std::string>{"default status", "default submit", "other status", "other submit"});
  CHECK(of("submit", "allowed || '|' || used || '|' || left || '|' || others") == "500|0|500|0");
  CHECK(of("status", "allowed || '|' || used || '|' || left") == "10000|0|10000");
  CHECK(of("submit", "day || (resets_at = (SELECT day_ends FROM apps))") == "today1");
  CHECK(of("submit", "exhausted_at IS NULL") == "1");
}

TEST_CASE_FIXTURE(Fixture, "what is used and reserved is told of the day it belongs to") {
  day("12", "+12");
  spend("status", 4000, 30);
  user.exec("INSERT INTO quota(app, endpoint, day, allowed, used) VALUES "
            "('default', 'status', 'yesterday', 10000, 9999);"
            "UPDATE apps SET reserved_polls = 50");
  CHECK(of("status", "reserved") == "0"); // from when something ran
  run_a_job();
  CHECK(of("status", "used || '|' || left || '|' || reserved || '|' || others") ==
        "4000|6000|50|30");
  CHECK(of("submit", "reserved") == "0");
}

TEST_CASE_FIXTURE(Fixture, "the forecast goes on at the day's average pace") {
  day("8", "+16");
  SUBCASE("to a time before the reset") {
    spend("status", 4000); // 500 an hour: 6000 last 12 hours
    CHECK(of("status", "round((julianday(exhausted_at) - julianday('now')) * 24, 1)") == "12.0");
    user.exec("UPDATE apps SET reserved_polls = 3000");
    run_a_job();
    CHECK(of("status", "round((julianday(exhausted_at) - julianday('now')) * 24, 1)") == "6.0");
  }
  SUBCASE("to none, if it lasts until the reset") {
    spend("status", 3000);
    CHECK(of("status", "exhausted_at IS NULL") == "1");
  }
  SUBCASE("to now, if nothing is left") {
    spend("submit", 500);
    CHECK(of("submit", "left") == "0");
    CHECK(of("submit", "abs(julianday(exhausted_at) - julianday('now')) < 1.0 / 1440") == "1");
  }
}

TEST_CASE_FIXTURE(Fixture, "a day that ended without the daemon is a new one, its end not known") {
  day("30", "-6");
  spend("submit", 500, 5);
  CHECK(of("submit", "used || '|' || left || '|' || others") == "0|500|0");
  CHECK(of("submit", "day IS NULL AND resets_at IS NULL AND exhausted_at IS NULL") == "1");
}

TEST_CASE_FIXTURE(Fixture, "an app whose day is not known yet has rows as well") {
  daemon_runs();
  CHECK(of("submit", "used || '|' || left") == "0|500");
  CHECK(of("submit", "exhausted_at IS NULL") == "1");
}

TEST_CASE_FIXTURE(Fixture,
                  "a number of more requests than allowed leaves none, not less than none") {
  day("1", "+23");
  spend("submit", 700);
  CHECK(of("submit", "left") == "0");
}
