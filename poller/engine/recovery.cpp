#include "poller/engine/recovery.h"

#include "poller/engine/app_state.h"
#include "poller/engine/day_budgets.h"
#include "poller/engine/replies/decide.h"
#include "poller/engine/replies/reply_store.h"
#include "poller/engine/scheduled_tasks.h"
#include "poller/schedule/price_schedule.h"
#include "poller/schedule/stored_runs.h"
#include "store/database.h"
#include "store/job_queue.h"
#include "store/request_log.h"
#include "store/run_times.h"
#include "store/spill_file.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;
using AttemptKey = std::pair<std::int64_t, int>; // job and attempt

AttemptKey key_of(const Intent& intent) {
  return {intent.job.value, intent.attempt};
}

/// How long ago a moment of the wall clock was. It may have been set back since.
std::chrono::milliseconds age(WallTime moment, Moment now) {
  return std::max(now.wall - moment, 0ms);
}

} // namespace

Recovery::Recovery(Database& database, JobQueue& queue, RequestLog& requests, RunTimes& run_times,
                   SpillFile& spill, DayBudgets& budgets, AppStates& apps, ScheduledTasks& tasks,
                   ReplyStore& replies, const EngineSettings& settings)
    : database_(database), queue_(queue), requests_(requests), run_times_(run_times), spill_(spill),
      budgets_(budgets), apps_(apps), tasks_(tasks), replies_(replies), settings_(settings) {}

Recovered Recovery::run(Moment now, const std::string& gap) {
  std::vector<UnfinishedJob> jobs;
  std::vector<OpenRequest> open;
  bool counted = false;
  database_.read([&] {
    jobs = queue_.unfinished();
    open = requests_.in_flight();
    counted = queue_.counts_are_right();
  });
  std::vector<SpilledReply> spilled;
  if (gap.empty())
    spilled = spill_.read();
  const bool had_spilled = !spilled.empty();
  Recovered found;
  take_in_hand(jobs, now);
  try {
    judge_open(open, std::move(spilled), gap, found, now);
    judge_jobs_without_intent(jobs, open, now);
    replies_.save();
  } catch (...) {
    // The next try, or the next start, finds them where this one did. Above all nothing of a lost
    // reply may get into the spill file as one that came.
    replies_.clear();
    throw;
  }
  if (!counted)
    database_.write([&] { queue_.recount(); });
  database_.durable();
  if (had_spilled &&
      replies_.unsaved() == 0) // else a crash may need it: reply_parts says from where
    spill_.clear();
  found.running = tasks_.table().size();
  restore_schedules(now);
  return found;
}

void Recovery::take_in_hand(const std::vector<UnfinishedJob>& jobs, Moment now) {
  tasks_.clear();
  for (const UnfinishedJob& job : jobs) {
    Task task;
    task.id = job.id;
    task.app = job.app;
    task.job_class = job.job_class;
    task.script = job.script;
    task.row = job.row;
    task.timeout = job.timeout ? *job.timeout : settings_.job_timeout;
    const WallTime submitted_at = job.row.submitted_at.value_or(now.wall);
    task.submitted = now.steady - age(submitted_at, now);
    if (job.row.reported_at)
      task.last_poll = std::max(*job.row.reported_at - submitted_at, 1ms);
    tasks_.add(std::move(task));
  }
}

/// What is known of a request of the last run. Its token is not: what was spilled is free of it.
InFlight Recovery::request_of(const OpenRequest& open, std::optional<WallTime> restored_at) {
  const Intent& intent = open.intent;
  InFlight request;
  request.intent = intent;
  request.of_former_run = true;
  request.restored_at = restored_at;
  request.paid_from.endpoint = intent.endpoint;
  request.log_begins = open.log_begins;
  request.log_complete_until = open.log_complete_until;
  request.entries_stored = open.entries_stored;
  const Task* task = tasks_.find(intent.job);
  if (!task || task->row.attempt != intent.attempt)
    return request; // the user has cancelled the job
  request.paid_from.app = task->app;
  if (intent.endpoint == Endpoint::submit)
    request.job_class = task->job_class;
  if (const auto app = apps_.find(task->app); app != apps_.end())
    request.paid_from = app->second.breaker.quota_key(intent.endpoint, intent.sent_at);
  request.task.value = task->row.task_id;
  return request;
}

void Recovery::judge_open(const std::vector<OpenRequest>& requests,
                          std::vector<SpilledReply> spilled, const std::string& gap,
                          Recovered& found, Moment now) {
  std::map<AttemptKey, SpilledReply> kept;
  for (SpilledReply& reply : spilled) {
    const AttemptKey key = key_of(reply.intent);
    kept.insert_or_assign(key, std::move(reply));
  }
  for (const OpenRequest& open : requests) {
    const Intent& intent = open.intent;
    InFlight request = request_of(open, gap.empty() ? std::nullopt : std::optional(now.wall));
    Task* task = tasks_.find(intent.job);
    const bool ours = task && task->row.attempt == intent.attempt;
    if (ours && intent.endpoint == Endpoint::submit)
      task->submitted = now.steady - age(intent.sent_at, now);
    else if (ours)
      task->last_poll = std::max(task->age(now.steady) - age(intent.sent_at, now), 1ms);
    const auto reply = kept.find(key_of(intent));
    if (reply != kept.end() && reply->second.intent == intent) {
      replies_.add(judge(std::move(request), from_spill(std::move(reply->second))));
      continue;
    }
    if (intent.endpoint == Endpoint::status)
      ++found.gaps;
    else if (ours)
      ++found.unconfirmed;
    replies_.add(judge_lost(std::move(request), gap));
  }
}

/// Their intents were deleted, or their state was written by hand.
void Recovery::judge_jobs_without_intent(const std::vector<UnfinishedJob>& jobs,
                                         const std::vector<OpenRequest>& requests, Moment now) {
  std::set<AttemptKey> sent;
  for (const OpenRequest& open : requests)
    sent.insert(key_of(open.intent));
  for (const UnfinishedJob& job : jobs) {
    if (job.row.state != JobState::submitting || sent.contains({job.id.value, job.row.attempt}))
      continue;
    Facts facts;
    database_.read([&] { facts.retry = queue_.retry_policy(job.id); });
    replies_.add(decide_without_intent(*tasks_.find(job.id), facts, now));
  }
}

void Recovery::restore_schedules(Moment now) {
  database_.read([&] {
    for (auto& [name, app] : apps_)
      restore_schedule(name, app, now);
  });
}

void Recovery::restore_schedule(const std::string& name, AppState& app, Moment now) {
  std::vector<OpenTask> running;
  for (const JobId id : tasks_.table().ids()) {
    const Task& task = *tasks_.find(id);
    if (task.app == name && !replies_.holds(id)) // not to be asked before its long reply is stored
      running.push_back(open_task(task));
  }
  app.schedule = std::make_unique<PriceSchedule>(PriceSchedule::Options{});
  app.schedule->restore(from_rows(run_times_.load(name), now),
                        from_counts(run_times_.starts(name), now), std::move(running), now.steady,
                        budgets_.today_with_queue(app, now));
}

} // namespace kdq
