#include "poller/engine/replies/effect_memory.h"

#include "poller/engine/app_state.h"
#include "poller/engine/replies/effects.h"
#include "poller/engine/scheduled_tasks.h"
#include "poller/events.h"
#include "poller/schedule/price_schedule.h"
#include "poller/schedule/stored_runs.h"

#include <optional>
#include <utility>

namespace kdq {

void EffectMemory::learn(Effects& effects, Moment now) {
  if (effects.schedule.kind != ScheduleNotice::Kind::ended)
    return;
  const Task* task = tasks_.find(effects.job);
  if (!task)
    return;
  const auto app = apps_.find(task->app);
  if (app == apps_.end())
    return;
  std::optional<SteadyTime> ended_at;
  if (effects.schedule.ended_at)
    ended_at = to_steady(*effects.schedule.ended_at, now);
  Learnt learnt = app->second.schedule->ended(effects.job, now.steady, ended_at);
  for (LearntRun& run : learnt.rows)
    effects.learnt.push_back(to_row(std::move(run), now));
  effects.forgotten = std::move(learnt.forgotten);
}

void EffectMemory::set_aside(Effects& effects, Moment now) {
  if (!effects.request)
    return;
  in_flight_.set_aside(effects.request->request.id);
  tell_breaker(effects, now);
  effects.breaker = {};
}

void EffectMemory::remember(const Effects& effects, bool ours, Moment now) {
  if (effects.request) {
    in_flight_.remove(effects.request->request.id);
    tell_breaker(effects, now);
  }
  if (!effects.gap_told.empty())
    events_.gap(effects.job, effects.attempt, effects.gap_told);
  Task* task = tasks_.find(effects.job);
  if (!task || task->row.attempt != effects.attempt)
    return;
  if (!ours || effects.row->after.state != JobState::running) {
    tasks_.remove(effects.job);
    if (ours && effects.settled)
      events_.settled(effects.job, effects.settled->state, effects.settled->error);
    return;
  }
  task->row = effects.row->after;
  task->failures = effects.failures;
  if (effects.heard)
    task->heard = now.steady;
  if (effects.request && effects.request->request.of_former_run)
    tasks_.follow(*task, now); // while its reply was stored it was not to be asked
  tell_schedule(effects, now);
}

void EffectMemory::tell_schedule(const Effects& effects, Moment now) {
  using Kind = ScheduleNotice::Kind;
  const Task& task = *tasks_.find(effects.job);
  const ScheduleNotice& notice = effects.schedule;
  switch (notice.kind) {
  case Kind::started:
    tasks_.follow(task, now);
    events_.submitted(effects.job, effects.attempt);
    break;
  case Kind::found_running:
    tasks_.found_running(task, notice.at);
    if (notice.slow_until)
      tasks_.postpone(task, *notice.slow_until);
    break;
  case Kind::postponed:
    tasks_.postpone(task, notice.at);
    break;
  case Kind::none:
  case Kind::ended:
    break;
  }
}

void EffectMemory::tell_breaker(const Effects& effects, Moment now) {
  using Kind = BreakerNotice::Kind;
  const InFlight& request = effects.request->request;
  const BreakerNotice& notice = effects.breaker;
  const auto app = apps_.find(request.paid_from.app);
  if (notice.kind == Kind::none || app == apps_.end())
    return;
  CircuitBreaker& breaker = app->second.breaker;
  const Endpoint endpoint = request.intent.endpoint;
  breaker.replied(request.sent_steady);
  switch (notice.kind) {
  case Kind::worked:
    breaker.worked(endpoint, request.sent_steady, now.wall);
    break;
  case Kind::unreachable:
    breaker.unreachable(notice.reason, now.steady);
    break;
  case Kind::refused:
    breaker.refused(endpoint, notice.refusal, request.token, request.paid_from.day,
                    request.sent_steady, now);
    break;
  case Kind::none:
  case Kind::replied:
    break;
  }
}

} // namespace kdq
