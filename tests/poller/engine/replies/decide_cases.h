// What the tables of decide() begin with: tasks, their requests, and replies to them.
#pragma once

#include "poller/engine/replies/decide.h"

#include <doctest/doctest.h>

#include <string>

namespace kdq::decide_cases {

using namespace std::chrono_literals;

inline const Moment now{*parse_time("2126-03-02 09:01:00"), SteadyTime(1h)};
inline const WallTime sent_at = now.wall - 40ms;
inline const WallTime started_at = now.wall - 60s;
inline const WallTime reported_at = now.wall - 5s;

/// Its second attempt runs for a minute.
inline Task task_in(JobState state) {
  Task task;
  task.id = JobId{7};
  task.app = "default";
  task.row.state = state;
  task.row.attempt = 2;
  task.row.rev = 11;
  task.submitted = now.steady - 60s;
  task.timeout = 30min;
  if (state != JobState::running)
    return task;
  task.row.task_id = "T";
  task.row.remote_status = "running";
  task.row.polls = 3;
  task.row.submitted_at = started_at;
  task.row.reported_at = reported_at;
  return task;
}

inline InFlight request_of(const Task& task) {
  InFlight request;
  const bool submitting = task.row.state == JobState::submitting;
  request.id = RequestId{99};
  request.intent = {task.id, task.row.attempt, submitting ? Endpoint::submit : Endpoint::status,
                    sent_at, task.row.rev};
  request.paid_from = {"default", request.intent.endpoint, "2126-03-02"};
  request.sent_steady = now.steady - 40ms;
  request.token = "a-secret-token";
  request.task = TaskId{task.row.task_id};
  request.log_begins = started_at;
  request.log_complete_until = reported_at;
  return request;
}

inline Effects decided(const Task& task, const Delivery& delivery, const Facts& facts = {}) {
  return decide(judge(request_of(task), delivery), &task, facts, now);
}

inline Delivery code(int number) {
  return Answered{200, R"({"code": )" + std::to_string(number) + "}", {}};
}

inline Delivery report(const std::string& status, const std::string& error = "",
                       const std::string& logs = "", const std::string& result = "\"\"") {
  return Answered{200,
                  R"({"error": ")" + error + R"(", "status": ")" + status +
                      R"(", "data": {"logs": [)" + logs + R"(], "result": )" + result + "}}",
                  {}};
}

inline std::string line(const std::string& text) {
  return R"({"args": [")" + text + R"("], "level": "info", "filename": "system"})";
}

inline const std::string whole_log =
    line(kdocs_api::opening_line) + ", " + line("x") + ", " + line(kdocs_api::closing_line);

inline const Delivery accepted = Answered{200, R"({"code": 0, "data": {"task_id": "T%2F"}})", {}};
inline const Delivery not_sent = NotSent{"no route"};
inline const Delivery unanswered = Unanswered{"it broke off", 0, ""};

/// Whether the daemon's row rule is kept: one step of rev, and nothing but the listed traces stays
/// where a job goes back to the queue.
inline void check_row_rules(const JobChange& change) {
  CHECK(change.after.rev == change.before.rev + 1);
  if (change.after.state != JobState::queued)
    return;
  CHECK(change.after.task_id.empty());
  CHECK(change.after.result.empty());
  CHECK(change.after.polls == 0);
  CHECK(change.after.log_gaps == 0);
  CHECK(!change.after.submitted_at);
  CHECK(!change.after.reported_at);
  CHECK(!change.after.finished_at);
  CHECK(!change.after.progress);
  CHECK(!change.after.cause);
}

} // namespace kdq::decide_cases
