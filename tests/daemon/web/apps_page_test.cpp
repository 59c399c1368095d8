#include "tests/daemon/web/queue_pages.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {

struct Fixture : QueuePages {
  Fixture() { daemon_runs(); }
};

} // namespace

TEST_CASE_FIXTURE(QueuePages, "without an app the page says so") {
  CHECK(contains(document("/apps"), "No app is configured"));
}

TEST_CASE_FIXTURE(Fixture, "an app is shown with what holds it back and who must act") {
  user.exec("UPDATE apps SET state = 'blocked', reason = 'the reason', running = 12, "
            "start_wait = 'no start now', start_at = '2126-01-01 00:00:00.000', "
            "poll_wait = 'no poll now', token_trouble = 'the trouble', "
            "token_expires_at = '2126-01-02 00:00:00.000', "
            "consent_ends_at = '2126-02-01 00:00:00.000', login = 'kdocs-queued login'");
  const std::string apps = part("/apps", "apps");
  for (const char* piece :
       {"<h2>default</h2>", "state blocked", "the reason", "<dd>12</dd>", "no start now",
        "datetime=\"2126-01-01T00:00:00.000Z\"", "no poll now", "the trouble",
        "datetime=\"2126-01-02T00:00:00.000Z\"", "datetime=\"2126-02-01T00:00:00.000Z\"",
        "<code>kdocs-queued login</code>", "href=\"/jobs?app=default\""})
    CHECK(contains(apps, piece));
}

TEST_CASE_FIXTURE(Fixture, "the last fourteen days of each budget are drawn, oldest first") {
  for (int day = 10; day < 30; ++day)
    user.exec("INSERT INTO quota(app, endpoint, day, allowed, used) VALUES ('default', 'submit', "
              "'2026-01-" +
              std::to_string(day) + "', 500, " + std::to_string(day) + ")");
  const std::string apps = part("/apps", "apps");
  CHECK(count_of(apps, "class=\"bar\"") == 14);
  CHECK(contains(apps, "the last day 2026-01-29 has 29 of 500"));
  CHECK(!contains(apps, "2026-01-15"));
  CHECK(apps.find(">2026-01-16<") < apps.find(">2026-01-29<"));
}

TEST_CASE_FIXTURE(Fixture, "classes have their limits and the starts of this day") {
  user.exec("UPDATE apps SET day = '2026-01-02';"
            "INSERT INTO classes(name, weight, max_running) VALUES ('bulk', 3, 7);"
            "INSERT INTO class_starts VALUES ('default', '2026-01-02', 'bulk', 41), "
            "('default', '2026-01-01', 'bulk', 99)");
  const std::string apps = part("/apps", "apps");
  CHECK(contains(apps, "bulk</th><td class=\"number\">3</td><td class=\"number\">7</td>"
                       "<td class=\"number\">41</td><td class=\"number\">none</td>"));
}

TEST_CASE_FIXTURE(Fixture, "what is paused can be resumed, what is not can be paused") {
  const std::string pausing = part("/apps", "pausing");
  CHECK(contains(pausing, "Pause all starts"));
  CHECK(contains(pausing, "name=\"scope\" value=\"all\""));
  CHECK(contains(pausing, "Pause the app default"));
  CHECK(contains(pausing, "name=\"key\" value=\"default\""));
  CHECK(contains(part("/apps", "pauses"), "Nothing is paused"));
  user.exec("INSERT INTO pauses(scope, key, reason) VALUES ('all', '', NULL), "
            "('app', 'default', 'a reason'), ('file', 'the file', NULL)");
  CHECK(!contains(part("/apps", "pausing"), "<form"));
  const std::string pauses = part("/apps", "pauses");
  CHECK(count_of(pauses, "value=\"resume\"") == 3);
  CHECK(contains(pauses, "a reason"));
  CHECK(contains(pauses, "name=\"key\" value=\"the file\""));
  visit.may_act = false;
  CHECK(!contains(document("/apps"), "<form"));
  CHECK(contains(document("/apps"), "file the file"));
}

TEST_CASE_FIXTURE(Fixture, "what is planted in the database is text on the page") {
  user.exec_with(
      "INSERT INTO apps(name, state, reason, since, start_wait, start_at, unscheduled_wait, "
      "unscheduled_at, poll_wait, poll_at, day, day_begins, day_ends, token_expires_at, "
      "consent_ends_at, token_trouble, login) "
      "VALUES (?, 'blocked', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      planted);
  user.exec_with("INSERT INTO classes(app, name) VALUES (?, ?)", planted);
  user.exec_with("INSERT INTO quota(app, endpoint, day, allowed) VALUES (?, 'submit', ?, 5)",
                 planted);
  user.exec_with("INSERT INTO pauses(scope, key, reason, created_at) VALUES ('file', ?, ?, ?)",
                 planted);
  for (const Language language : {Language::english, Language::chinese}) {
    visit.language = language;
    const std::string text = document("/apps");
    CHECK(!text.starts_with("alive"));
    CHECK(!text.starts_with("not whole"));
    CHECK(count_of(text, "&lt;b id=planted&gt;") > 15);
  }
}
