#include "poller/engine/dispatcher.h"

#include "poller/quota/quota_grant.h"
#include "store/base/time.h"
#include "store/script_digest.h"

#include <algorithm>

namespace kdq {
namespace {

// Bound of one transaction, beside that of its starts: with both it holds the write lock for under
// a millisecond (tests/bench/holds).
constexpr std::size_t batch_polls = 64;
// What is begun and has no answer would be lost by a crash, as a gap in a log or a start that is
// not confirmed: no more is begun than about what goes out at once (daemon/curl_transport.h). And a
// burst of starts must not hold up the polls of what runs: it pauses while many of them are under
// way.
constexpr std::size_t most_polls_under_way = 128;
constexpr std::size_t most_starts_under_way = 64;
constexpr std::size_t polls_that_pause_starts = 48;
// Between transactions that only set rows aside: a queue of 100,000 rows must not keep the write
// lock from those who INSERT.
constexpr std::chrono::milliseconds pause_between_scans{10};

} // namespace

bool Dispatcher::Plan::empty() const {
  return polls.empty() && starts.empty() && unstartable.empty() && expired.empty() && !promote &&
         scans.empty();
}

void Dispatcher::dispatch(SteadyTime until) {
  const Moment now = state_.now();
  token_.clear();
  try {
    // Several short transactions, one wait for the disk.
    while (dispatch_batch(now) && state_.clock.steady() < until) {
    }
  } catch (const StoreUnavailable&) {
    send_all(); // what was begun before
    throw;
  }
  send_all();
}

/// One transaction; whether there may be more to do at once.
bool Dispatcher::dispatch_batch(Moment now) {
  wake_ = SteadyTime::max();
  Plan plan = empty_plan();
  Begun begun;
  try {
    state_.database.read([&] {
      for (auto& [name, app] : state_.apps) {
        app.breaker.begin_plan();
        plan_polls(app, plan, now);
      }
      plan_starts(plan, now);
    });
    if (plan.empty())
      return false;
    state_.database.write([&] { begin(plan, begun, now); });
    status_writer_.committed();
  } catch (...) {
    for (const DuePoll& poll : plan.polls)
      state_.postpone(*state_.tasks.find(poll.job), now.steady);
    throw;
  }
  take_in_hand(begun, now);
  // A claim makes its file's next job ready, and a scan that set rows aside has not seen all: look
  // again, but leave others room to write where nothing was sent.
  const bool sent = !begun.polls.empty() || !begun.starts.empty();
  if (!begun.starts.empty() || !plan.scans.empty())
    wake_at(sent ? now.steady : now.steady + pause_between_scans);
  return sent && wake_ <= now.steady;
}

/// With the room that the requests under way leave.
Dispatcher::Plan Dispatcher::empty_plan() const {
  std::size_t polls = 0;
  for (const auto& [id, request] : state_.in_flight)
    polls += request.endpoint == Endpoint::status ? 1 : 0;
  const std::size_t starts = state_.in_flight.size() - polls;
  Plan plan;
  plan.poll_room =
      std::min(batch_polls, most_polls_under_way - std::min(polls, most_polls_under_way));
  if (polls < polls_that_pause_starts)
    plan.start_room = most_starts_under_way - std::min(starts, most_starts_under_way);
  return plan;
}

void Dispatcher::take_in_hand(Begun& begun, Moment now) {
  if (!begun.starts.empty() && !round_)
    round_.emplace().began = now.steady;
  if (round_) {
    round_->starts += begun.starts.size();
    round_->polled = round_->polled || !begun.polls.empty();
  }
  for (Begun::Poll& poll : begun.polls)
    hold_poll(poll, now);
  for (Begun::Start& start : begun.starts)
    hold_start(start, now);
  follow_up(begun, now);
}

void Dispatcher::send_all() {
  if (outgoing_.empty())
    return;
  state_.database.durable(); // the intents are on disk before a byte leaves
  for (auto& [id, request] : outgoing_)
    transport_.send(id, std::move(request));
  outgoing_.clear();
}

const std::string* Dispatcher::usable_token(CircuitBreaker& breaker, Moment now) {
  if (const auto known = token_.find(breaker.name()); known != token_.end())
    return known->second.empty() ? nullptr : &known->second;
  std::string& slot = token_[breaker.name()];
  auto read = tokens_.token(breaker.name());
  if (const auto* problem = std::get_if<TokenProblem>(&read)) {
    breaker.no_token(problem->sentence, now.steady);
    return nullptr;
  }
  std::string& value = std::get<std::string>(read);
  if (!breaker.accepts_token(value)) {
    breaker.no_token(
        "KDocs refuses the access token: put a fresh one into the token file, which is "
        "read again when it changes (under systemd: systemctl restart kdocs-queued)",
        now.steady);
    return nullptr;
  }
  slot = std::move(value);
  return &slot;
}

/// Fits the app's price to its day; `planned`: its polls in this plan, which the ledger lacks.
void Dispatcher::reprice_if_needed(AppState& app, std::size_t planned, Moment now) {
  if (!app.schedule.needs_price(now.steady))
    return;
  DayBudget budget = state_.budget_with_queue(app, now);
  budget.status_used += static_cast<std::int64_t>(planned);
  app.schedule.reprice(now.steady, budget);
}

void Dispatcher::plan_polls(AppState& app, Plan& plan, Moment now) {
  CircuitBreaker& breaker = app.breaker;
  PriceSchedule& schedule = app.schedule;
  const std::size_t before = plan.polls.size();
  while (schedule.open() > 0) {
    reprice_if_needed(app, plan.polls.size() - before, now);
    const auto next = schedule.next_wakeup();
    if (*next > now.steady) {
      wake_at(*next);
      return;
    }
    if (const SteadyTime opens = breaker.opens_at(Endpoint::status, now); opens > now.steady) {
      wake_at(opens);
      return;
    }
    if (plan.polls.size() == plan.poll_room) {
      if (plan.poll_room == batch_polls) // else an answer wakes us
        wake_at(now.steady);
      return;
    }
    if (!usable_token(breaker, now))
      continue; // the breaker has closed: the next round plans the wake-up
    if (const SteadyTime ready = breaker.rate_ready_at(now.steady); ready > now.steady) {
      wake_at(ready);
      return;
    }
    if (const auto due = schedule.next_due(now.steady)) {
      breaker.take(Endpoint::status, now.steady);
      plan.polls.push_back(*due);
    }
  }
}

/// Inside of the transaction; may be run again from the start.
void Dispatcher::begin(const Plan& plan, Begun& begun, Moment now) {
  begun = {};
  for (const QueueScan& scan : plan.scans)
    state_.queue.set_aside(scan);
  if (plan.promote)
    state_.queue.promote(now.wall);
  refuse(plan, begun, now.wall);
  begin_polls(plan, begun, now.wall);
  begin_starts(plan, begun, now.wall);
  status_writer_.ride_along(now);
}

void Dispatcher::begin_polls(const Plan& plan, Begun& begun, WallTime now) {
  QuotaGrant grant(state_, Endpoint::status, now);
  for (const DuePoll& poll : plan.polls)
    grant.want(state_.tasks.find(poll.job)->app);
  grant.fill();
  for (const DuePoll& poll : plan.polls) {
    const Task& task = *state_.tasks.find(poll.job);
    if (!grant.pay(task.app)) {
      begun.unpaid.push_back(poll.job);
      begun.spent.push_back(grant.key(task.app));
    } else if (const auto request = state_.queue.begin_poll(poll.job, task.attempt, now)) {
      begun.polls.push_back({*request, poll, grant.key(task.app)});
    } else {
      grant.unpay(task.app);
      begun.gone.push_back(poll.job);
    }
  }
  grant.empty();
}

void Dispatcher::begin_starts(const Plan& plan, Begun& begun, WallTime now) {
  QuotaGrant grant(state_, Endpoint::submit, now);
  for (const QueueScan::Entry& entry : plan.starts)
    grant.want(entry.app);
  grant.fill();
  for (const QueueScan::Entry& entry : plan.starts) {
    if (!grant.pay(entry.app)) {
      begun.spent.push_back(grant.key(entry.app));
      continue;
    }
    auto job = state_.queue.begin_submit(entry, now);
    if (!job) {
      begun.missed = true;
      grant.unpay(entry.app); // cancelled since the scan
      state_.queue.drop_orphan(entry.id);
      continue;
    }
    const RequestId request = state_.queue.add_start(job->id, job->attempt, now);
    begun.starts.push_back({request, std::move(*job), grant.key(entry.app)});
  }
  grant.empty();
}

void Dispatcher::refuse(const Plan& plan, Begun& begun, WallTime now) {
  for (const JobId id : plan.expired)
    if (state_.queue.still_expired(id, now))
      end_unsent(id, JobState::timed_out, "expires_at passed before it could be started", begun,
                 now);
  for (const QueueScan::Entry& entry : plan.unstartable)
    if (state_.queue.still_startable(entry, now))
      end_unsent(entry.id, JobState::failed, unknown_app_sentence(entry.app), begun, now);
    else
      state_.queue.drop_orphan(entry.id);
}

void Dispatcher::end_unsent(JobId id, JobState end, const std::string& error, Begun& begun,
                            WallTime now) {
  const auto job = state_.queue.begin_submit(id);
  if (!job)
    state_.queue.drop_orphan(id);
  if (!job || !state_.queue.submit_ended(id, job->attempt, end, error, now))
    return;
  begun.refused.emplace_back(id, end);
  begun.reasons.push_back(error);
}

std::string Dispatcher::unknown_app_sentence(const std::string& app) const {
  std::string known;
  for (const auto& [name, configured] : state_.apps)
    known += (known.empty() ? "" : ", ") + name;
  return "app '" + app + "' is not configured (configured: " + known +
         "); add it to the configuration and restart, then set state to 'queued'";
}

void Dispatcher::hold_poll(Begun::Poll& poll, Moment now) {
  const JobId job = poll.due.job;
  Task& task = *state_.tasks.find(job);
  const std::string& token = token_.at(task.app);
  task.last_poll = std::max(task.age(now.steady), std::chrono::milliseconds(1));
  state_.events.polled(job, to_wall(poll.due.due, now));
  state_.in_flight.emplace(poll.request, InFlight{poll.request, job, task.attempt, Endpoint::status,
                                                  std::move(poll.paid_from), now.wall, now.steady,
                                                  token, task.task});
  state_.apps.at(task.app).breaker.sent(Endpoint::status, now.steady);
  outgoing_.emplace_back(
      poll.request,
      kdocs_api::task_status(state_.apps.at(task.app).breaker.settings(), token, task.task));
}

void Dispatcher::hold_start(Begun::Start& start, Moment now) {
  const ClaimedJob& job = start.job;
  const std::string& token = token_.at(job.app);
  Task task;
  task.id = job.id;
  task.attempt = job.attempt;
  task.app = job.app;
  task.script = {script_digest(job.script), job.file_token, job.script_name};
  task.submitted = now.steady;
  task.timeout = job.timeout.value_or(state_.settings.job_timeout);
  state_.remove_task(task.id); // of an attempt that was cancelled a moment ago
  state_.tasks.add(std::move(task));
  InFlight request{
      start.request, job.id, job.attempt, Endpoint::submit, std::move(start.paid_from), now.wall,
      now.steady,    token,  {}};
  state_.in_flight.emplace(start.request, request);
  state_.apps.at(job.app).breaker.sent(Endpoint::submit, now.steady);

  auto call = kdocs_api::run_script(state_.apps.at(job.app).breaker.settings(), token, job);
  if (const auto* refusal = std::get_if<kdocs_api::Unsendable>(&call)) {
    ReplyOutcome outcome;
    outcome.request = std::move(request);
    outcome.end = {start.request, "not_sent", 0, {}};
    outcome.sent = false;
    outcome.meaning = StartFailed{refusal->sentence};
    reply_store_.add(std::move(outcome));
    return;
  }
  outgoing_.emplace_back(start.request, std::move(std::get<HttpRequest>(call)));
}

void Dispatcher::follow_up(const Begun& begun, Moment now) {
  for (const JobId id : begun.gone)
    state_.remove_task(id);
  for (const JobId id : begun.unpaid)
    state_.postpone(*state_.tasks.find(id), now.steady);
  for (const QuotaKey& key : begun.spent)
    state_.apps.at(key.app).breaker.quota_spent(key.endpoint, now.wall);
  for (std::size_t i = 0; i < begun.refused.size(); ++i)
    state_.events.settled(begun.refused[i].first, begun.refused[i].second, begun.reasons[i]);
  if (!begun.spent.empty() || begun.missed || !begun.gone.empty())
    wake_at(now.steady); // what was planned for these is free, or the roll is to be waited for
}

} // namespace kdq
