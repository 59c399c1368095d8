// What is said of log lines that may have been lost.
#include "tests/poller/engine/replies/decide_cases.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::decide_cases;
using namespace std::chrono_literals;

TEST_CASE("a reply that is not about what the task does now changes no row, and keeps all it has") {
  Task other_attempt = task_in(JobState::running);
  other_attempt.row.attempt = 3;
  const Task elsewhere = task_in(JobState::submitting);
  for (const Task* task : {static_cast<const Task*>(nullptr), static_cast<const Task*>(&elsewhere),
                           static_cast<const Task*>(&other_attempt)}) {
    const InFlight request = request_of(task_in(JobState::running));
    const Effects effects = decide(judge(request, report("finish", "", whole_log)), task, {}, now);
    CHECK(!effects.row);
    CHECK(effects.lines.size() == 3);
    CHECK(effects.late_polls == 1);
    CHECK(effects.late_gaps == 0);
    CHECK(!effects.settled);
    const Effects cut = decide(judge(request, unanswered), task, {}, now);
    CHECK(cut.late_gaps == 1);
    CHECK(cut.gap->from == reported_at);
    CHECK(decide(judge(request, not_sent), task, {}, now).late_polls == 0);
  }
}

TEST_CASE("a gap begins where the log was complete, and ends where the service has acted") {
  const Task task = task_in(JobState::running);
  const WallTime may_act_until = sent_at + 2min;
  struct Row {
    const char* what;
    Delivery reply;
    WallTime to;
  };
  const Row rows[] = {
      {"not even a status line", unanswered, may_act_until},
      {"cut off: it had begun to answer", Unanswered{"cut", 200, "{\"st"}, now.wall},
      {"a gateway gave up", Answered{504, "", {}}, may_act_until},
      {"damaged", Answered{200, "<html>", {}}, now.wall},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Effects effects = decided(task, row.reply);
    REQUIRE(effects.gap);
    CHECK(effects.gap->from == reported_at);
    CHECK(effects.gap->to == row.to);
    CHECK(effects.gap_told == effects.gap->reason);
  }
}

TEST_CASE("a log without its first or last line has a gap from its beginning") {
  const Task task = task_in(JobState::running);
  Facts facts;
  facts.log_lacks_frame = true;
  const Effects effects = decided(task, report("finish", "", line("x")), facts);
  REQUIRE(effects.gap);
  CHECK(effects.gap->from == started_at);
  CHECK(effects.row->after.log_gaps == 1);
  CHECK(effects.gap_told.empty());

  struct Row {
    const char* what;
    std::string error;
    std::string logs;
    bool look;
    const char* closing; ///< looked for in what is stored
  };
  const std::string head = line(kdocs_api::opening_line);
  const std::string tail = line(kdocs_api::closing_line);
  const Row rows[] = {
      {"all in one reply", "", whole_log, false, ""},
      {"only the end", "", line("x") + "," + tail, true, ""},
      {"no end", "", head + "," + line("x"), true, kdocs_api::closing_line},
      {"no line at all", "", "", true, kdocs_api::closing_line},
      {"a script that failed has no end", "TypeError", head + "," + line("x"), false, ""},
      {"nor a beginning", "TypeError", line("x"), true, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto frame =
        frame_to_look_for(judge(request_of(task), report("finish", row.error, row.logs)));
    REQUIRE(frame.has_value() == row.look);
    if (frame)
      CHECK(frame->closing == row.closing);
  }
  CHECK(!frame_to_look_for(judge(request_of(task), report("running", "", ""))));
}

TEST_CASE(
    "a reply that was lost with its process is counted, and nothing is held against the app") {
  InFlight poll = request_of(task_in(JobState::running));
  poll.of_former_run = true;
  const Task running = task_in(JobState::running);
  const Effects lost = decide(judge_lost(poll), &running, {}, now);
  CHECK(lost.row->after.state == JobState::running);
  CHECK(lost.row->after.polls == 4);
  CHECK(lost.row->after.log_gaps == 1);
  CHECK(lost.row->after.error.empty());
  CHECK(lost.gap->from == reported_at);
  CHECK(lost.gap->to == sent_at + 2min);
  CHECK(lost.gap_told.empty());
  CHECK(lost.breaker.kind == BreakerNotice::Kind::none);

  const Task submitting = task_in(JobState::submitting);
  InFlight start = request_of(submitting);
  start.of_former_run = true;
  const Effects start_lost = decide(judge_lost(start), &submitting, {}, now);
  CHECK(start_lost.row->after.state == JobState::unconfirmed);
  CHECK(!start_lost.settled);
  CHECK(start_lost.request->outcome == RequestOutcome::lost);
}

TEST_CASE("of a report from which something became no row the body stays, beside a gap") {
  const Task running = task_in(JobState::running);
  const std::string body = R"({"error": "", "status": "running", "data": {"logs": []}, )"
                           R"("more": {"logs": [{"args": ["hidden"]}]}})";
  const Effects effects = decided(running, Answered{200, body, {}});
  CHECK(effects.keep == KeepRequest::all);
  CHECK(effects.request->body == body);
  REQUIRE(effects.gap);
  CHECK(effects.gap->reason.find("requests.body") != std::string::npos);
  REQUIRE(effects.row);
  CHECK(effects.row->after.state == JobState::running);
  CHECK(effects.row->after.log_gaps == running.row.log_gaps + 1);
  CHECK(decided(running, report("running")).keep == KeepRequest::nothing);
}
