// What follows from each kind of reply: tables, without a database, a clock or a schedule.
#include "tests/poller/engine/replies/decide_cases.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kdq;
using namespace kdq::decide_cases;
using namespace std::chrono_literals;

TEST_CASE("what becomes of a job whose start was answered, or not") {
  using Told = BreakerNotice::Kind;
  struct Row {
    const char* what;
    Delivery reply;
    RetryPolicy policy;
    JobState state;
    int attempt;
    const char* error; ///< how it begins
    RequestOutcome outcome;
    Told told;
  };
  const RetryPolicy hold{OnUnconfirmed::hold, 0, 1, {}};
  const RetryPolicy fail{OnUnconfirmed::fail, 0, 1, {}};
  const char* const not_known = "it is not known whether the script was started: ";
  const char* const you_decide = "it is not known whether the script was started; set state to ";
  const Row rows[] = {
      {"accepted", accepted, hold, JobState::running, 2, "", RequestOutcome::accepted,
       Told::worked},
      {"not sent", not_sent, hold, JobState::queued, 1, "no route", RequestOutcome::not_sent,
       Told::unreachable},
      {"busy", code(30010), hold, JobState::queued, 1, "", RequestOutcome::refused, Told::refused},
      {"token", code(30001), hold, JobState::queued, 1, "", RequestOutcome::refused, Told::refused},
      {"lost, hold", unanswered, hold, JobState::unconfirmed, 2, you_decide,
       RequestOutcome::unanswered, Told::unreachable},
      {"lost, fail", unanswered, fail, JobState::failed, 2, not_known, RequestOutcome::unanswered,
       Told::unreachable},
      {"lost, third retry",
       unanswered,
       {OnUnconfirmed::retry, 2, 1, {}},
       JobState::queued,
       2,
       not_known,
       RequestOutcome::unanswered,
       Told::unreachable},
      {"lost, no fourth",
       unanswered,
       {OnUnconfirmed::retry, 3, 1, {}},
       JobState::unconfirmed,
       2,
       you_decide,
       RequestOutcome::unanswered,
       Told::unreachable},
      {"unknown if ran", code(30004), hold, JobState::unconfirmed, 2, you_decide,
       RequestOutcome::unknown, Told::refused},
      {"the job's fault", code(30006), hold, JobState::failed, 2, "", RequestOutcome::refused,
       Told::refused},
      {"the job's fault, again",
       code(30006),
       {OnUnconfirmed::hold, 0, 3, {}},
       JobState::queued,
       2,
       "",
       RequestOutcome::refused,
       Told::refused},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Task task = task_in(JobState::submitting);
    Facts facts;
    facts.retry = row.policy;
    const Effects effects = decided(task, row.reply, facts);
    REQUIRE(effects.row);
    check_row_rules(*effects.row);
    const JobRow& after = effects.row->after;
    CHECK(after.state == row.state);
    CHECK(after.attempt == row.attempt);
    CHECK(after.error.starts_with(row.error));
    CHECK(after.finished_at.has_value() == (row.state == JobState::failed));
    REQUIRE(effects.request);
    CHECK(effects.request->outcome == row.outcome);
    CHECK(effects.breaker.kind == row.told);
    CHECK(effects.give_back == (row.outcome == RequestOutcome::not_sent));
    CHECK(effects.counts_as_start == (row.state == JobState::running));
    CHECK(effects.settled.has_value() == (row.state != JobState::running));
    CHECK(effects.keep == (row.state == JobState::running ? KeepRequest::row : KeepRequest::all));
    CHECK(!effects.gap);
  }
}

TEST_CASE("a started job has its task id, and the time at which its start was sent") {
  const Effects effects = decided(task_in(JobState::submitting), accepted);
  CHECK(effects.row->after.task_id == "T%2F");
  CHECK(effects.row->after.submitted_at == sent_at);
  CHECK(effects.schedule.kind == ScheduleNotice::Kind::started);
}

TEST_CASE("what becomes of a job whose status was asked for") {
  using Plan = ScheduleNotice::Kind;
  struct Row {
    const char* what;
    Delivery reply;
    JobState state;
    const char* error; ///< a part of it; "" : none
    Plan plan;
    int polls;
    int gaps;
    KeepRequest keep;
  };
  const auto running = JobState::running;
  const Row rows[] = {
      {"running", report("running"), running, "", Plan::found_running, 1, 0, KeepRequest::nothing},
      {"a word that is not in the API", report("paused"), running, "", Plan::found_running, 1, 0,
       KeepRequest::nothing},
      {"succeeded", report("finish", "", whole_log, "[1]"), JobState::succeeded, "", Plan::ended, 1,
       0, KeepRequest::nothing},
      {"failed", report("finish", "TypeError", whole_log), JobState::failed, "TypeError",
       Plan::ended, 1, 0, KeepRequest::nothing},
      {"not sent", not_sent, running, "no route", Plan::postponed, 0, 0, KeepRequest::all},
      {"unanswered", unanswered, running, "it broke off", Plan::postponed, 1, 1, KeepRequest::all},
      {"a rate limit", code(30002), running, "30002", Plan::postponed, 1, 0, KeepRequest::all},
      {"a gateway", Answered{502, "", {}}, running, "502", Plan::postponed, 1, 1, KeepRequest::all},
      {"no JSON", Answered{200, "<html>", {}}, running, "", Plan::postponed, 1, 1,
       KeepRequest::all},
      {"the file is gone", code(30006), JobState::failed, "30006", Plan::none, 1, 1,
       KeepRequest::all},
      {"the task is not known, once", code(10001), running, "10001", Plan::postponed, 1, 0,
       KeepRequest::all},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Task task = task_in(running);
    const Effects effects = decided(task, row.reply);
    REQUIRE(effects.row);
    check_row_rules(*effects.row);
    const JobRow& after = effects.row->after;
    CHECK(after.state == row.state);
    CHECK(after.error.find(row.error) != std::string::npos);
    CHECK(effects.schedule.kind == row.plan);
    CHECK(after.polls == 3 + row.polls);
    CHECK(after.log_gaps == row.gaps);
    CHECK(effects.gap.has_value() == (row.gaps > 0));
    CHECK(effects.late_polls == row.polls);
    CHECK(effects.late_gaps == row.gaps);
    CHECK(effects.keep == row.keep);
    CHECK(after.finished_at.has_value() == (row.state != running));
    CHECK(effects.settled.has_value() == (row.state != running));
    const bool reported = row.keep == KeepRequest::nothing;
    CHECK(after.reported_at == (reported ? sent_at : reported_at));
    CHECK(effects.heard == reported);
    CHECK(after.task_id == "T");
  }
}

TEST_CASE("a report brings its lines, its word and its result") {
  const Effects effects =
      decided(task_in(JobState::running), report("finish", "", whole_log, R"({"a":1})"));
  CHECK(effects.lines.size() == 3);
  CHECK(effects.row->after.remote_status == "finish");
  CHECK(effects.row->after.result == R"({"a":1})");
  CHECK(decided(task_in(JobState::running), not_sent).row->after.remote_status == "running");
}

TEST_CASE("a job past its deadline ends with a report, or after a while without one") {
  struct Row {
    const char* what;
    Delivery reply;
    std::chrono::milliseconds late; ///< by which its deadline has passed
    JobState state;
  };
  const Row rows[] = {
      {"it runs, in time", report("running"), -1ms, JobState::running},
      {"it runs, too long", report("running"), 0ms, JobState::timed_out},
      {"it has ended, late", report("finish", "", whole_log), 1h, JobState::succeeded},
      {"no report, for a while", unanswered, 10min - 1ms, JobState::running},
      {"no report, for too long", unanswered, 10min, JobState::timed_out},
      {"nothing was sent", not_sent, 5h, JobState::running},
      {"the app has to wait", code(30002), 5h, JobState::running},
      {"the token is refused", code(30001), 5h, JobState::running},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Task task = task_in(JobState::running);
    task.timeout = 60s - row.late;
    if (task.timeout < 0ms)
      task.submitted -= 10h, task.timeout += 10h;
    const Effects effects = decided(task, row.reply);
    CHECK(effects.row->after.state == row.state);
    // What an earlier process asked is asked once more before the job is given up.
    InFlight former = request_of(task);
    former.of_former_run = true;
    const Effects after_restart = decide(judge(former, row.reply), &task, {}, now);
    CHECK(after_restart.row->after.state ==
          (row.state == JobState::timed_out ? JobState::running : row.state));
  }
}

TEST_CASE("a task is gone after a minute of such replies, three at least; an unknown code makes it "
          "be asked rarely") {
  Task task = task_in(JobState::running);
  Facts facts;
  facts.retry.max_attempts = 5;
  const auto after = [&](std::chrono::milliseconds span) {
    return decide(judge(request_of(task), code(10001)), &task, facts,
                  Moment{now.wall + span, now.steady + span});
  };
  for (int i = 0; i < 5; ++i) {
    const Effects effects = after(i * 1s);
    CHECK(effects.row->after.state == JobState::running);
    task.failures = effects.failures;
  }
  CHECK(task.failures.gone == 5);
  CHECK(after(59s).row->after.state == JobState::running);
  const Effects gone = after(60s);
  CHECK(gone.row->after.state == JobState::failed); // nobody has seen it fail: not started again
  CHECK(gone.gap->reason.find("not asked to its end") != std::string::npos);
  CHECK(decided(task, unanswered, facts).failures.gone == 0);
  task.failures.gone = 1; // long ago; a second one is not the third
  CHECK(after(10min).row->after.state == JobState::running);

  task.failures = {};
  for (int i = 0; i < 9; ++i) {
    const Effects effects = decided(task, code(77777), facts);
    CHECK(effects.schedule.at <= now.steady + 60s);
    task.failures = effects.failures;
  }
  CHECK(decided(task, code(77777), facts).schedule.at == now.steady + 10min);
}

TEST_CASE("the waits between failing requests are spread within a bound that doubles") {
  Task task = task_in(JobState::running);
  for (const auto bound : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    std::vector<std::chrono::milliseconds> waits;
    for (std::uint64_t random = 0; random < 120'000; random += 997) {
      Facts facts;
      facts.random = random;
      waits.push_back(decided(task, not_sent, facts).schedule.at - now.steady);
    }
    CHECK(*std::min_element(waits.begin(), waits.end()) > 0ms);
    CHECK(*std::max_element(waits.begin(), waits.end()) <= bound);
    CHECK(*std::max_element(waits.begin(), waits.end()) > bound / 2);
    task.failures = decided(task, not_sent).failures;
  }
}

TEST_CASE("a status word that the API does not have makes the task be asked slowly") {
  const Task task = task_in(JobState::running);
  CHECK(decided(task, report("paused")).schedule.slow_until == now.steady + 1min);
  CHECK(!decided(task, report("running")).schedule.slow_until);
}

TEST_CASE("a script that failed is started again, later each time, as often as its row allows") {
  struct Row {
    const char* what;
    int attempt;
    RetryPolicy policy;
    bool again;
    std::chrono::milliseconds latest;
  };
  const WallTime soon = now.wall + 1ms;
  const Row rows[] = {
      {"once only", 1, {OnUnconfirmed::hold, 0, 1, {}}, false, 0s},
      {"the first of three", 1, {OnUnconfirmed::hold, 0, 3, {}}, true, 30s},
      {"the second of three", 2, {OnUnconfirmed::hold, 0, 3, {}}, true, 60s},
      {"the third of three", 3, {OnUnconfirmed::hold, 0, 3, {}}, false, 0s},
      {"the fiftieth of a hundred", 50, {OnUnconfirmed::hold, 0, 100, {}}, true, 1h},
      {"it would expire", 1, {OnUnconfirmed::hold, 0, 3, soon}, false, 0s},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Task task = task_in(JobState::running);
    task.row.attempt = row.attempt;
    Facts facts;
    facts.retry = row.policy;
    facts.random = 3'599'999; // the longest wait of an hour
    const Effects effects = decided(task, report("finish", "TypeError", whole_log), facts);
    check_row_rules(*effects.row);
    CHECK(effects.row->after.error == "TypeError");
    CHECK(effects.row->after.attempt == row.attempt);
    CHECK(effects.row->after.state == (row.again ? JobState::queued : JobState::failed));
    REQUIRE(effects.row->rerun.has_value() == row.again);
    if (row.again) {
      CHECK(effects.row->rerun->not_before > now.wall);
      CHECK(effects.row->rerun->not_before <= now.wall + row.latest);
    }
  }
}

TEST_CASE("the job's columns are read only for replies after which it may run again") {
  const Task submitting = task_in(JobState::submitting);
  const Task running = task_in(JobState::running);
  CHECK(needs_retry_policy(judge(request_of(submitting), unanswered)));
  CHECK(needs_retry_policy(judge(request_of(submitting), code(30006))));
  CHECK(needs_retry_policy(judge(request_of(running), report("finish", "TypeError"))));
  CHECK(needs_retry_policy(judge(request_of(running), code(30006))));
  CHECK(!needs_retry_policy(judge(request_of(submitting), accepted)));
  CHECK(!needs_retry_policy(judge(request_of(submitting), not_sent)));
  CHECK(!needs_retry_policy(judge(request_of(running), report("running"))));
  CHECK(!needs_retry_policy(judge(request_of(running), report("finish", "", whole_log))));
  CHECK(!needs_retry_policy(judge(request_of(running), unanswered)));
}

TEST_CASE("what the service refused because others spent the day is booked as theirs") {
  Facts facts;
  facts.spent_by_others = 500;
  const Effects effects = decided(task_in(JobState::submitting), code(30002), facts);
  CHECK(effects.spent_by_others == 500);
  CHECK(!effects.give_back);
}

TEST_CASE("keep_raw keeps every reply") {
  Facts facts;
  facts.keep_raw = true;
  CHECK(decided(task_in(JobState::running), report("running"), facts).keep == KeepRequest::all);
  CHECK(decided(task_in(JobState::submitting), accepted, facts).keep == KeepRequest::all);
}

TEST_CASE("what ends without a reply") {
  const Task submitting = task_in(JobState::submitting);
  const Effects unsendable =
      decide_unsendable(request_of(submitting), submitting, "it is no UTF-8", now);
  check_row_rules(*unsendable.row);
  CHECK(unsendable.row->after.state == JobState::failed);
  CHECK(!unsendable.row->rerun);
  CHECK(unsendable.give_back);
  CHECK(unsendable.request->outcome == RequestOutcome::not_sent);
  CHECK(unsendable.breaker.kind == BreakerNotice::Kind::none);

  const Effects without_intent = decide_without_intent(submitting, {}, now);
  check_row_rules(*without_intent.row);
  CHECK(without_intent.row->after.state == JobState::unconfirmed);
  CHECK(!without_intent.request);

  const Task running = task_in(JobState::running);
  const Effects silent = decide_silent(running, "nobody could ask", now);
  check_row_rules(*silent.row);
  CHECK(silent.row->after.state == JobState::timed_out);
  CHECK(silent.row->after.polls == 3);
  CHECK(silent.row->after.log_gaps == 1);
  CHECK(silent.gap->from == reported_at);
  CHECK(silent.gap->to == now.wall);
}

TEST_CASE("an access token that is echoed reaches neither a text nor the stored body") {
  const Delivery echo = Answered{200, R"({"code": 30006, "msg": "bad a-secret-token"})", {}};
  for (const JobState state : {JobState::submitting, JobState::running}) {
    const Effects effects = decided(task_in(state), echo);
    CHECK(effects.row->after.error.find("a-secret") == std::string::npos);
    CHECK(effects.request->body.find("a-secret") == std::string::npos);
    CHECK(effects.settled->error.find("a-secret") == std::string::npos);
  }
}
