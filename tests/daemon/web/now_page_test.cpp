#include "tests/daemon/web/queue_pages.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {

struct Fixture : QueuePages {
  Fixture() { daemon_runs(); }

  std::int64_t run(const std::string& name, const std::string& ago) {
    const std::int64_t job = user.enqueue("file " + name, "x", name);
    go(job, {"submitting", "running"});
    user.exec("UPDATE jobs SET rev = rev + 1, submitted_at = strftime('%Y-%m-%d %H:%M:%f', 'now', "
              "'-" +
              ago + "') WHERE id = " + std::to_string(job));
    return job;
  }
  void day_is_known() {
    user.exec("UPDATE apps SET day = '2026-03-02', "
              "day_begins = strftime('%Y-%m-%d %H:%M:%f', 'now', '-12 hours'), "
              "day_ends = strftime('%Y-%m-%d %H:%M:%f', 'now', '+12 hours');"
              "INSERT INTO quota(app, endpoint, day, allowed, used, others) "
              "VALUES ('default', 'submit', '2026-03-02', 500, 300, 20)");
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a queue in which nothing happens is well, and each part says so") {
  const std::string text = document("/");
  for (const char* piece : {"All is well", "Nothing runs", "Nothing is ready", "None."})
    CHECK(contains(text, piece));
  CHECK(page("/").live);
}

TEST_CASE_FIXTURE(Fixture, "what health has is said in its words") {
  user.exec("INSERT INTO pauses(scope, reason) VALUES ('all', 'a reason')");
  CHECK(contains(part("/", "health"), "new starts are paused (a reason)"));
  CHECK(!contains(part("/", "health"), "All is well"));
}

TEST_CASE_FIXTURE(Fixture, "where too many jobs are stuck for health, the rest of it is said") {
  user.exec("UPDATE apps SET state = 'blocked', reason = 'the reason';"
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) "
            "INSERT INTO needs(job_id, kind, needs, when_needed, stuck) "
            "SELECT i, 'job', 1, 'succeeded', 1 FROM n");
  const std::string health = part("/", "health");
  CHECK(contains(health, "the reason"));
  CHECK(contains(health, "this is not all"));
  CHECK(!contains(health, "All is well"));
  CHECK(contains(part("/", "running"), "Nothing runs"));
}

TEST_CASE_FIXTURE(Fixture,
                  "what runs is shown with its progress, and its age beside the usual one") {
  const std::int64_t slow = run("slow", "100 seconds");
  const std::int64_t usual = run("usual", "20 seconds");
  const std::int64_t fresh = run("new", "20 seconds");
  user.exec("UPDATE jobs SET progress = 40, progress_text = 'some words' WHERE id = 1");
  for (int i = 1; i <= 10; ++i)
    user.exec("INSERT INTO run_times VALUES ('default', " + std::to_string(i) +
              ", 'f:file slow/slow', '', 0, 40000, 30000), ('default', " + std::to_string(i + 10) +
              ", 'f:file usual/usual', '', 0, 40000, 30000)");
  const std::string running = part("/", "running");
  for (const std::int64_t job : {slow, usual, fresh})
    CHECK(contains(running, "href=\"/jobs/" + std::to_string(job) + "\""));
  CHECK(contains(running, "40 % some words"));
  CHECK(count_of(running, "usually 30 s") == 2);
  CHECK(count_of(running, "longer than usual") == 1);
}

TEST_CASE_FIXTURE(Fixture, "what starts next is in the order in which the queue starts it, over "
                           "classes and apps, before what is to come later") {
  user.exec(
      "INSERT INTO apps(name, submit_quota, status_quota) VALUES ('other', 9, 9);"
      "INSERT INTO jobs(file_token, script, priority, class, app, run_at) VALUES "
      "('a', 'x', 5, NULL, 'default', NULL), ('b', 'x', 3, 'bulk', 'default', NULL), "
      "('c', 'x', 4, NULL, 'other', NULL), ('d', 'x', 1, NULL, 'default', '2126-01-01 00:00:00')");
  const std::string next = part("/", "next");
  const auto place = [&](int job) { return next.find("#" + std::to_string(job) + "<"); };
  CHECK(place(2) < place(3));
  CHECK(place(3) < place(1));
  CHECK(place(1) < place(4));
  CHECK(place(4) != next.npos);
  CHECK(contains(next, "its time has not come: run_at is 2126-01-01 00:00:00 UTC"));
}

TEST_CASE_FIXTURE(Fixture, "of a long queue the first twenty are asked why they wait") {
  for (int i = 0; i < 30; ++i)
    user.enqueue("f" + std::to_string(i), "x", "name");
  const std::string next = part("/", "next");
  CHECK(count_of(next, "href=\"/jobs/") == 20);
  CHECK(contains(next, "#1<"));
  CHECK(!contains(next, "#21<"));
  CHECK(contains(part("/", "counts"), "href=\"/jobs?state=queued\"><strong>30</strong>"));
}

TEST_CASE_FIXTURE(Fixture, "each budget of the day is drawn, with its numbers in words") {
  day_is_known();
  const std::string quotas = part("/", "quotas");
  CHECK(count_of(quotas, "<svg") == 2);
  CHECK(contains(quotas,
                 "aria-label=\"starts: used 300 of 500, left 200, reserved 0, by others 20, "
                 "used up at "));
  CHECK(contains(quotas, "status requests: used 0 of 10000, left 10000, reserved 0, by others 0, "
                         "lasts until the reset"));
}

TEST_CASE_FIXTURE(Fixture, "a day of which nothing is known is not drawn") {
  CHECK(count_of(part("/", "quotas"), "<svg") == 0);
  user.exec("UPDATE apps SET submit_quota = NULL");
  CHECK(contains(part("/", "quotas"), "starts: not known yet"));
}

TEST_CASE_FIXTURE(Fixture, "failures of the last day are counted by cause") {
  for (int i = 1; i <= 5; ++i) {
    user.enqueue("f" + std::to_string(i), "x", "");
    go(i, {"submitting", "running", i < 4 ? "failed" : "timed_out"});
    user.exec("UPDATE jobs SET cause = '" + std::string(i < 4 ? "script" : "timeout") +
              "', finished_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-" + (i == 3 ? "25" : "1") +
              " hours') WHERE id = " + std::to_string(i));
  }
  const std::string failures = part("/", "failures");
  CHECK(contains(failures, "/jobs?cause=script\">script</a></th><td class=\"number\">2<"));
  CHECK(contains(failures, "/jobs?cause=timeout\">timeout</a></th><td class=\"number\">2<"));
}

TEST_CASE_FIXTURE(Fixture, "what is planted in the database is text on the page") {
  day_is_known();
  user.exec_with(
      "INSERT INTO jobs(file_token, script_name, script, app, class) VALUES (?, ?, 'x', ?, ?)",
      planted);
  user.exec_with("INSERT INTO jobs(file_token, script_name, script) VALUES (?, ?, 'x')", planted);
  user.exec_with("INSERT INTO jobs(file_token, script_name, script) VALUES (?, ?, 'x')", planted);
  go(2, {"submitting", "running"});
  go(3, {"submitting", "failed"});
  user.exec_with("UPDATE jobs SET progress = 1, progress_text = ? WHERE id = 2", planted);
  user.exec_with("UPDATE jobs SET cause = ? WHERE id = 3", planted);
  user.exec_with("INSERT INTO pauses(scope, key, reason) VALUES ('file', ?, ?)", planted);
  user.exec_with(
      "INSERT INTO apps(name, state, reason, submit_quota, status_quota, day, day_begins, "
      "day_ends) VALUES (?, 'blocked', ?, 5, 5, ?, ?, ?)",
      planted);
  for (const Language language : {Language::english, Language::chinese}) {
    visit.language = language;
    const std::string text = document("/");
    CHECK(!text.starts_with("alive"));
    CHECK(!text.starts_with("not whole"));
    CHECK(count_of(text, "&lt;b id=planted&gt;") > 10);
  }
}
