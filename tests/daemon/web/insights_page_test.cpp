#include "tests/daemon/web/queue_pages.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {

struct Fixture : QueuePages {
  Fixture() { daemon_runs(); }
  void ran(int seq, const std::string& key, const std::string& spans) {
    user.exec_with("INSERT INTO run_times VALUES ('default', " + std::to_string(seq) + ", ?, '', " +
                       spans + ")",
                   key);
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "before anything has run each part says so") {
  const std::string text = document("/insights");
  CHECK(contains(text, "No run is known yet"));
  CHECK(contains(text, "No job has ended yet"));
  CHECK(count_of(text, "<svg") == 0);
}

TEST_CASE_FIXTURE(Fixture, "run times are told by script, the one that ran most first") {
  ran(1, "s:0123456789abcdef", "0, 8000, 4000");
  for (int i = 2; i <= 11; ++i) {
    ran(i, "s:ffff", "0, 70000, 60000");
    ran(i, "f:the file/the name", "0, 70000, 60000");
  }
  const std::string runs = part("/insights", "runs-0");
  CHECK(contains(runs, "the name</th><td>the file</td><td class=\"number\">10</td>"
                       "<td class=\"number\">60 s</td>"));
  CHECK(contains(runs, "<code>0123456789ab…</code>"));
  CHECK(!contains(runs, "ffff")); // it has a name
  CHECK(runs.find("the name") < runs.find("0123456789ab"));
}

TEST_CASE_FIXTURE(Fixture,
                  "how long ends were not seen is told where the log says when they were") {
  ran(1, "s:a", "0, 9000, NULL");
  CHECK(contains(part("/insights", "runs-0"), "No log says when"));
  ran(2, "s:a", "0, 9000, 8500");
  ran(3, "s:a", "0, 9000, 5000");
  ran(4, "s:a", "0, 9000000, 5000");
  const std::string runs = part("/insights", "runs-0");
  CHECK(contains(runs, "Half of the ends were seen within 4.0 s"));
  CHECK(contains(runs, "(3 runs whose log says"));
  CHECK(contains(runs, "≤1</th><td class=\"number\">1</td>"));
  CHECK(contains(runs, "≤2</th><td class=\"number\">0</td>"));
  CHECK(contains(runs, "≤5</th><td class=\"number\">1</td>"));
  CHECK(contains(runs, "&gt;600</th><td class=\"number\">1</td>"));
}

TEST_CASE_FIXTURE(Fixture, "status requests are told of the jobs that ended last") {
  for (int i = 1; i <= 3; ++i) {
    user.enqueue("f" + std::to_string(i), "x", "");
    go(i, {"submitting", "running", "succeeded"});
    user.exec("UPDATE jobs SET finished_at = created_at, polls = " + std::to_string(i * i) +
              " WHERE id = " + std::to_string(i));
  }
  const std::string polls = part("/insights", "polls");
  CHECK(contains(polls, "The last 3 jobs that ended took 4.6 status requests each"));
  CHECK(contains(polls, "≤1</th><td class=\"number\">1</td>"));
  CHECK(contains(polls, "≤4</th><td class=\"number\">1</td>"));
  CHECK(contains(polls, "≤10</th><td class=\"number\">1</td>"));
}

TEST_CASE_FIXTURE(Fixture, "the use of quotas is told by day") {
  user.exec("INSERT INTO quota(app, endpoint, day, allowed, used) VALUES "
            "('default', 'status', '2026-01-29', 10000, 1234)");
  CHECK(contains(part("/insights", "quota"), "the last day 2026-01-29 has 1234 of 10000"));
}

TEST_CASE_FIXTURE(Fixture, "what is planted in the database is text on the page") {
  user.exec_with("INSERT INTO apps(name) VALUES (?)", planted);
  user.exec_with("INSERT INTO run_times VALUES (?, 1, ?, ?, 0, 2, 1), "
                 "(?, 2, 'f:' || ? || '/' || ?, ?, 0, 2, 1), (?, 3, 's:' || ?, ?, 0, 2, 1)",
                 planted);
  user.exec_with("INSERT INTO quota(app, endpoint, day, allowed) VALUES (?, 'submit', ?, 5)",
                 planted);
  for (const Language language : {Language::english, Language::chinese}) {
    visit.language = language;
    const std::string text = document("/insights");
    CHECK(!text.starts_with("alive"));
    CHECK(!text.starts_with("not whole"));
    CHECK(count_of(text, "&lt;b id=planted&gt;") >= 7); // the digest is cut
  }
}
