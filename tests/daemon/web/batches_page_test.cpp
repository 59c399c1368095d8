#include "tests/daemon/web/queue_pages.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

TEST_CASE_FIXTURE(QueuePages, "without batches the page says so") {
  CHECK(contains(document("/batches"), "There are no batches"));
}

TEST_CASE_FIXTURE(QueuePages, "a batch is shown with how many of its jobs have ended") {
  user.exec("INSERT INTO batches(name) VALUES ('report')");
  for (int i = 0; i < 4; ++i)
    user.exec("INSERT INTO jobs(file_token, script, batch_id) VALUES ('f" + std::to_string(i) +
              "', 'x', 1)");
  go(1, {"submitting", "running", "succeeded"});
  go(2, {"submitting", "running"});
  user.exec("UPDATE jobs SET progress = 90 WHERE id = 2");
  std::string list = part("/batches", "list");
  CHECK(contains(list, "href=\"/jobs?batch=1\">#1</a>"));
  CHECK(contains(list, "report"));
  CHECK(contains(list, "state running"));
  CHECK(contains(list, "25 %"));
  CHECK(contains(list, "class=\"age\">in ")); // expected
  go(2, {"failed"});
  go(3, {"cancelled"});
  go(4, {"submitting", "running", "succeeded"});
  list = part("/batches", "list");
  CHECK(contains(list, "100 %"));
  CHECK(contains(list, "state failed"));
  CHECK(contains(list, "ended</span>"));
}

TEST_CASE_FIXTURE(QueuePages, "many batches are paged by id, the newest first, each on one page") {
  for (int i = 0; i < 120; ++i)
    user.exec("INSERT INTO batches(name) VALUES ('name')");
  std::string list = part("/batches", "list");
  CHECK(count_of(list, "/jobs?batch=") == 50);
  CHECK(list.find("#120<") < list.find("#119<"));
  CHECK(contains(list, "/batches?before=71"));
  list = part("/batches?before=71", "list");
  CHECK(contains(list, "#70<"));
  CHECK(!contains(list, "#71<"));
  list = part("/batches?before=21", "list");
  CHECK(count_of(list, "/jobs?batch=") == 20);
  CHECK(!contains(list, "before="));
  CHECK(contains(part("/batches?before=1", "list"), "There are no more"));
}

TEST_CASE_FIXTURE(QueuePages, "what is planted in the database is text on the page") {
  user.exec_with("INSERT INTO batches(name, created_at) VALUES (?, ?)", planted);
  for (const Language language : {Language::english, Language::chinese}) {
    visit.language = language;
    const std::string text = document("/batches");
    CHECK(!text.starts_with("alive"));
    CHECK(!text.starts_with("not whole"));
    CHECK(count_of(text, "&lt;b id=planted&gt;") == 2);
  }
}
