// Why a job ends, as decide() says it, and how far it was.
#include "tests/poller/engine/replies/decide_cases.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::decide_cases;
using namespace std::chrono_literals;

namespace {

std::string words(const std::optional<EndCause>& cause) {
  return cause ? std::string(to_text(*cause)) : "";
}

std::string progress(const JobRow& row) {
  return (row.progress ? std::to_string(*row.progress) : "none") + " " + row.progress_text;
}

} // namespace

TEST_CASE("each end of a job that runs has its cause, and what goes on has none") {
  struct Row {
    const char* what;
    Delivery reply;
    std::chrono::milliseconds age;
    JobState state;
    const char* cause;
  };
  const auto late = 31min;
  const auto very_late = 41min;
  const Row rows[] = {
      {"succeeded", report("finish", "", whole_log), 1min, JobState::succeeded, ""},
      {"it runs", report("running"), 1min, JobState::running, ""},
      {"no answer", unanswered, late, JobState::running, ""},
      {"its script failed", report("finish", "TypeError"), 1min, JobState::failed, "script"},
      {"it still runs", report("running"), late, JobState::timed_out, "timeout"},
      {"no answer for long", unanswered, very_late, JobState::timed_out, "silent"},
      {"refused", code(30006), 1min, JobState::failed, "refused"},
      {"the third time not known", code(10001), 1min, JobState::failed, "lost"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Task task = task_in(JobState::running);
    task.submitted = now.steady - row.age;
    task.failures.gone = 2;
    task.failures.gone_since = now.steady - 1min;
    const Effects effects = decided(task, row.reply);
    check_row_rules(*effects.row);
    CHECK(effects.row->after.state == row.state);
    CHECK(words(effects.row->after.cause) == row.cause);
  }
}

TEST_CASE("each end of a start has its cause") {
  const Task task = task_in(JobState::submitting);
  CHECK(words(decided(task, code(30006)).row->after.cause) == "refused");
  CHECK(words(decided(task, accepted).row->after.cause) == "");
  CHECK(words(decided(task, unanswered).row->after.cause) == "");
  Facts fail;
  fail.retry.on_unconfirmed = OnUnconfirmed::fail;
  CHECK(words(decided(task, unanswered, fail).row->after.cause) == "unconfirmed");
  CHECK(words(decide_without_intent(task, fail, now).row->after.cause) == "unconfirmed");
  CHECK(words(decide_unsendable(request_of(task), task, "no", now).row->after.cause) == "invalid");
}

TEST_CASE("a job that is not heard of is silent") {
  CHECK(words(decide_silent(task_in(JobState::running), "no", now).row->after.cause) == "silent");
}

TEST_CASE("a job that goes back to the queue has no cause; why it has failed is said beside it") {
  Facts twice;
  twice.retry.max_attempts = 3;
  for (const auto& [reply, why] : {std::pair{report("finish", "TypeError"), EndCause::script},
                                   std::pair{code(30006), EndCause::refused}}) {
    const Effects effects = decided(task_in(JobState::running), reply, twice);
    check_row_rules(*effects.row);
    CHECK(effects.row->after.state == JobState::queued);
    REQUIRE(effects.row->rerun);
    CHECK(effects.row->rerun->why == why);
  }
}

TEST_CASE("the last line of a reply that tells the progress counts") {
  Task task = task_in(JobState::running);
  task.row.progress = 10;
  task.row.progress_text = "before";
  const std::string lines =
      line("##progress 20 a") + "," + line("##progress 30 b\\u001b") + "," + line("##progress x");
  struct Row {
    const char* what;
    Delivery reply;
    const char* progress;
  };
  const Row rows[] = {
      {"a report", report("running", "", lines), "30 b\\u001b"},
      {"one argument each",
       report("running", "", R"({"args": ["##progress", 40.7, "some", "words"]})"),
       "40 some words"},
      {"no words any more", report("running", "", line("##progress 50")), "50 "},
      {"no such line", report("running", "", line("x")), "10 before"},
      {"the end keeps it", report("finish", "", whole_log), "10 before"},
      {"the end tells it", report("finish", "TypeError", lines), "30 b\\u001b"},
      {"it broke off", Unanswered{"cut", 200, R"({"data": {"logs": [)" + lines + ", {"},
       "30 b\\u001b"},
      {"nothing came", unanswered, "10 before"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(progress(decided(task, row.reply).row->after) == row.progress);
  }
  CHECK(progress(decide_silent(task, "no", now).row->after) == "10 before");
  Facts twice;
  twice.retry.max_attempts = 3;
  CHECK(progress(decided(task, report("finish", "TypeError", lines), twice).row->after) == "none ");
}
