// Names, log lines and errors that want to be markup, on every page: none of it comes alive, and
// the document stays whole.
#include "tests/daemon/web/document_reading.h"
#include "tests/daemon/web/web_fixture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {

/// Closes what may be open, then plants elements and attributes; turns the direction of text,
/// hides.
const std::string hostile =
    "\"'></pre></td></script><script>planted()</script><img src=x onerror=planted()>"
    "<style>*{display:none}</style> onfocus=planted() &lt;{}\xE2\x80\xAE"
    "\xE2\x80\x8B\x1B[2J\x07";

struct HostileFixture : PageFixture {
  HostileFixture() {
    daemon_runs();
    jobs();
    others();
  }

  void plant(const std::string& sql) { user.exec_with(sql, hostile); }
  void jobs() {
    plant("INSERT INTO batches(name) VALUES (?)");
    plant("INSERT INTO jobs(file_token, script, script_name, unique_key, class, schedule, "
          "batch_id, argv) "
          "SELECT ?, ?, ?, ? || value, ?, ?, 1, json_object(?, ?) FROM "
          "json_each('[1,2,3,4,5,6,7,8]')");
    plant("INSERT INTO jobs(file_token, script, script_name, after_batch, depends_on, pass_as) "
          "VALUES (?, ?, ?, 1, 3, 'in')");
    plant("INSERT INTO jobs(file_token, script, app) VALUES (?, ?, ?)");
    const std::vector<std::vector<std::string>> lives{
        {"submitting", "running"},     {"submitting", "running", "succeeded"},
        {"submitting", "failed"},      {"submitting", "running", "timed_out"},
        {"submitting", "unconfirmed"}, {"cancelled"}};
    for (std::size_t i = 0; i < lives.size(); ++i)
      go(static_cast<std::int64_t>(i + 1), lives[i]);
    plant(
        "UPDATE jobs SET error = ?, result = json_quote(?), remote_status = ?, progress_text = ?, "
        "task_id = ? || id, progress = 40, submitted_at = created_at, reported_at = created_at");
    plant("UPDATE jobs SET cause = ? WHERE state IN ('failed', 'timed_out')");
    plant("INSERT INTO logs(job_id, attempt, seq, level, filename, timestamp, args, message, "
          "fetched_at) "
          "SELECT id, 1, 1, ?, ?, ?, json_array(?), ?, ? FROM jobs");
    plant("INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) "
          "SELECT id, 1, 2, 'gap', json_array(?, ?, ?), ?, '2026-01-01 00:00:00.000' FROM jobs");
    plant("INSERT INTO requests(job_id, attempt, endpoint, sent_at, answered_at, http_status, "
          "outcome, body) "
          "SELECT id, 1, ?, ?, ?, 200, ?, CAST(? AS BLOB) FROM jobs");
  }
  void others() {
    plant("INSERT INTO schedules(name, cron, file_token, script, script_name, class) "
          "VALUES (?, '0 9 * * *', ?, ?, ?, ?)");
    plant("UPDATE schedules SET error = ?, last_state = 'failed', last_job_id = 3, rev = rev + 1");
    plant("INSERT INTO schedule_times(schedule, at) VALUES (?, '2126-01-01 00:00:00.000')");
    plant("INSERT INTO pauses(scope, key, reason) VALUES ('file', ?, ?), ('app', ?, ?), ('all', "
          "'', ?)");
    plant("INSERT INTO classes(app, name, max_running) VALUES ('default', ?, 1)");
    plant("INSERT INTO apps(name, state, reason, start_wait, poll_wait, token_trouble, login, "
          "submit_quota, status_quota) VALUES (?, 'blocked', ?, ?, ?, ?, ?, 500, 10000)");
    plant("INSERT INTO quota(app, endpoint, day, allowed, used) VALUES (?, 'submit', '2026-01-01', "
          "9, 3)");
    plant(
        "INSERT INTO notifications(at, event, app, job_id, payload, command, state, last_error) "
        "VALUES ('2026-01-01 00:00:00.000', 'failed', ?, 3, json_object('text', ?), json_array(?), "
        "'given_up', ?)");
  }
};

std::vector<std::string> addresses() {
  std::vector<std::string> all = all_pages;
  for (int job = 1; job <= 10; ++job)
    all.push_back("/jobs/" + std::to_string(job));
  for (const char* more : {"/batches/1", "/jobs?state=failed", "/jobs?batch=1", "/no-such-page"})
    all.emplace_back(more);
  for (const char* parameter : {"error", "script", "file", "app", "schedule", "cause", "state",
                                "since", "after", "before", "batch"})
    all.push_back(address("/jobs", {{parameter, hostile}}));
  return all;
}

} // namespace

TEST_CASE("the check of documents sees what is wrong") {
  CHECK(DocumentReading("<!doctype html><p a=\"&lt;\">x<br>y<i b></i></p>").trouble() == "");
  for (const char* wrong :
       {"<p>", "</p>", "<p><b></p></b>", "<p onclick=\"x\"></p>", "<p style=\"x\"></p>",
        "<p a=x></p>", "a < b", "<a href=\"https://evil.example\"></a>",
        "<a href=\"javascript:x\"></a>", "<p id=\"a\"></p><p id=\"a\"></p>", "\x1B", "\xE2\x80\xAE",
        "<p a=\"1></p>"}) {
    CAPTURE(wrong);
    CHECK(DocumentReading(wrong).trouble() != "");
  }
}

TEST_CASE_FIXTURE(HostileFixture, "no text of the database comes alive on any page") {
  for (const Language language : {Language::english, Language::chinese})
    for (const std::string& address : addresses()) {
      CAPTURE(address);
      const std::string document = this->document(address, language);
      DocumentReading reading(document);
      CHECK(reading.trouble() == "");
      const auto& elements = reading.elements();
      CHECK(std::count(elements.begin(), elements.end(), "script") == 1); // ours, in the head
      CHECK(std::count(elements.begin(), elements.end(), "style") == 0);
      CHECK(std::count(elements.begin(), elements.end(), "img") == 0);
      CHECK(std::count(elements.begin(), elements.end(), "h1") == 1);
      CHECK(reading.ids().count("main") == 1);
    }
}

TEST_CASE_FIXTURE(HostileFixture, "what is planted is shown, as text") {
  CHECK(contains(document("/jobs/3"), "&lt;img src=x onerror=planted()&gt;"));
  CHECK(contains(document("/jobs/3"), "\\u202E"));
}

TEST_CASE_FIXTURE(HostileFixture, "the parts of a page have ids of their own, and those stay") {
  for (const std::string& address : all_pages) {
    CAPTURE(address);
    std::vector<std::string> first;
    std::vector<std::string> second;
    for (const Part& part : page(address).parts)
      first.push_back(part.id);
    for (const Part& part : page(address, Language::chinese).parts)
      second.push_back(part.id);
    CHECK(first == second);
    CHECK(std::set<std::string>(first.begin(), first.end()).size() == first.size());
  }
}
