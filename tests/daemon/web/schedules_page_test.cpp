#include "tests/daemon/web/queue_pages.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {

struct Fixture : QueuePages {
  void add(const std::string& name) {
    user.exec_with("INSERT INTO schedules(name, cron, file_token, script) "
                   "VALUES (?, '30 9 * * *', 'file', 'the script')",
                   name);
  }
  void will_run(const std::string& name, const std::string& at) {
    user.exec_with("INSERT INTO schedule_times(schedule, at) VALUES (?, '" + at + "')", name);
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "without schedules the page says so") {
  CHECK(contains(document("/schedules"), "There are no schedules"));
}

TEST_CASE_FIXTURE(Fixture, "a schedule is shown with its times by its clocks and in UTC") {
  add("report");
  will_run("report", "2026-03-02 01:30:00.000");
  will_run("report", "2026-03-03 01:30:00.000");
  user.exec("UPDATE schedules SET rev = rev + 1, last_at = '2026-03-01 01:30:00.000', "
            "last_job_id = 7, last_state = 'failed', skipped = 3, error = 'some trouble'");
  const std::string list = part("/schedules", "list");
  CHECK(contains(list, "href=\"/schedules?name=report\""));
  CHECK(contains(list, "2026-03-02 09:30 +0800"));
  CHECK(contains(list, "datetime=\"2026-03-02T01:30:00.000Z\""));
  CHECK(contains(list, "<summary>1 more</summary>"));
  CHECK(contains(list, "2026-03-03 09:30 +0800"));
  CHECK(contains(list, "href=\"/jobs/7\""));
  CHECK(contains(list, "some trouble"));
  CHECK(contains(list, "href=\"/jobs?schedule=report\""));
  CHECK(contains(list, "name=\"action\" value=\"run_schedule\""));
  CHECK(contains(list, "name=\"schedule\" value=\"report\""));
  CHECK(!contains(list, "paused"));
  user.exec("UPDATE schedules SET paused = 1");
  CHECK(contains(part("/schedules", "list"), "paused"));
  visit.may_act = false;
  CHECK(!contains(document("/schedules"), "<form"));
}

TEST_CASE_FIXTURE(Fixture, "many schedules are paged by name, each on one page") {
  for (int i = 100; i < 350; ++i)
    add("name " + std::to_string(i));
  std::string address = "/schedules";
  int pages = 0, shown = 0;
  for (std::size_t at = 0; at != std::string::npos && pages < 9; ++pages) {
    const std::string list = part(address, "list");
    shown += count_of(list, "href=\"/schedules?name=");
    at = list.find("\"/schedules?after=", list.find("</table>"));
    if (at != std::string::npos)
      address = list.substr(at + 1, list.find('"', at + 1) - at - 1);
  }
  CHECK(pages == 3);
  CHECK(shown == 250);
  CHECK(contains(part("/schedules?after=z", "list"), "There are no more"));
}

TEST_CASE_FIXTURE(Fixture, "one schedule has its columns, and the beginning of its script") {
  user.exec_with("INSERT INTO schedules(name, cron, file_token, argv, script) "
                 "VALUES ('a&b', '@daily', 'file', '{\"key\": 1}', ?)",
                 std::string(30'000, 'y'));
  const std::string text = document("/schedules?name=a%26b");
  CHECK(contains(text, "Schedule a&amp;b"));
  CHECK(contains(text, "<dt><code>cron</code></dt><dd>@daily</dd>"));
  CHECK(contains(text, "{&quot;key&quot;: 1}"));
  CHECK(contains(text, std::string(20'000, 'y') + "…"));
  CHECK(contains(text, "href=\"/schedules/script?name=a%26b\">Download</a>: there is more of it"));
  CHECK(contains(text, "href=\"/schedules/argv?name=a%26b\">Download</a></p>"));
  CHECK(contains(text, "name=\"back\" value=\"/schedules?name=a%26b\""));
  CHECK(page("/schedules?name=nobody").status == 404);
}

TEST_CASE_FIXTURE(Fixture, "what is planted in the database is text on the pages") {
  user.exec_with(
      "INSERT INTO schedules(name, cron, timezone, file_token, script_name, script, app, "
      "class, argv) VALUES (?, ?, ?, ?, ?, ?, ?, ?, json_object('key', ?))",
      planted);
  user.exec_with("UPDATE schedules SET rev = rev + 1, last_at = ?, last_state = ?, error = ?, "
                 "last_job_id = 1, padding = x''",
                 planted);
  will_run(planted, "no time");
  will_run(planted, "2026-03-02 01:30:00.000");
  for (const Language language : {Language::english, Language::chinese}) {
    visit.language = language;
    for (const std::string& address :
         {std::string("/schedules"), web::address("/schedules", {{"name", planted}})}) {
      const std::string text = document(address);
      CHECK(!text.starts_with("alive"));
      CHECK(!text.starts_with("not whole"));
      CHECK(count_of(text, "&lt;b id=planted&gt;") > 5);
    }
  }
}
