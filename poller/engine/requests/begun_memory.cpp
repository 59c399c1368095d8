#include "poller/engine/requests/begun_memory.h"

#include "poller/api/kdocs_api.h"
#include "poller/engine/app_state.h"
#include "poller/engine/app_tokens.h"
#include "poller/engine/in_flight.h"
#include "poller/engine/replies/decide.h"
#include "poller/engine/replies/reply_store.h"
#include "poller/engine/requests/sender.h"
#include "poller/engine/scheduled_tasks.h"
#include "poller/events.h"
#include "store/script_digest.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace kdq {
namespace {

Task task_of(const ClaimedJob& job, std::chrono::milliseconds default_timeout, SteadyTime now) {
  Task task;
  task.id = job.id;
  task.app = job.app;
  task.job_class = job.job_class;
  task.script = {script_digest(job.script), job.file_token, job.script_name};
  task.row = job.row;
  task.submitted = now;
  task.timeout = job.timeout ? *job.timeout : default_timeout;
  return task;
}

} // namespace

void BegunMemory::remember(const Begun& begun, Moment now) {
  for (const Begun::Poll& poll : begun.polls)
    remember_poll(poll, now);
  for (const Begun::Start& start : begun.starts)
    remember_start(start, now);
  for (const JobId id : begun.gone)
    tasks_.remove(id);
  for (const JobId id : begun.unpaid)
    tasks_.postpone(*tasks_.find(id), now.steady);
  for (const QuotaKey& key : begun.spent)
    apps_.at(key.app).breaker.quota_spent(key.endpoint, now.wall);
  for (const Begun::Refused& refused : begun.refused)
    events_.settled(refused.job, refused.end, refused.error);
}

void BegunMemory::not_begun(const RoundPlan& plan, Moment now) {
  for (const DuePoll& poll : plan.polls) {
    Task& task = *tasks_.find(poll.job);
    tasks_.postpone(task, now.steady);
    apps_.at(task.app).breaker.give_back();
  }
  for (const QueueScan::Entry& start : plan.starts)
    apps_.at(start.app).breaker.give_back();
}

void BegunMemory::remember_poll(const Begun::Poll& poll, Moment now) {
  const JobId job = poll.intent.job;
  Task& task = *tasks_.find(job);
  CircuitBreaker& breaker = apps_.at(task.app).breaker;
  task.last_poll = std::max(task.age(now.steady), std::chrono::milliseconds(1));
  events_.polled(job, to_wall(poll.due, now));
  InFlight request;
  request.intent = poll.intent;
  request.paid_from = poll.paid_from;
  request.sent_steady = now.steady;
  request.token = tokens_.of(task.app);
  request.task.value = task.row.task_id;
  request.log_begins = task.row.submitted_at.value_or(poll.intent.sent_at);
  request.log_complete_until = task.row.reported_at.value_or(request.log_begins);
  breaker.sent(Endpoint::status, now.steady);
  HttpRequest call = kdocs_api::task_status(breaker.settings(), request.token, request.task);
  sender_.add(in_flight_.add(std::move(request)), std::move(call));
}

void BegunMemory::remember_start(const Begun::Start& start, Moment now) {
  const ClaimedJob& job = start.job;
  CircuitBreaker& breaker = apps_.at(job.app).breaker;
  const Task& task = tasks_.add(task_of(job, settings_.job_timeout, now.steady));
  InFlight request;
  request.intent = start.intent;
  request.paid_from = start.paid_from;
  request.job_class = job.job_class;
  request.sent_steady = now.steady;
  request.token = tokens_.of(job.app);
  request.id = in_flight_.add(request);
  auto call = kdocs_api::run_script(breaker.settings(), request.token, job);
  if (const auto* refusal = std::get_if<kdocs_api::Unsendable>(&call)) {
    replies_.add(decide_unsendable(std::move(request), task, refusal->sentence, now));
    return;
  }
  breaker.sent(Endpoint::submit, now.steady);
  sender_.add(request.id, std::move(std::get<HttpRequest>(call)));
}

} // namespace kdq
