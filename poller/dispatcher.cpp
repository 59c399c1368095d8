#include "poller/dispatcher.h"

#include "poller/quota_purse.h"
#include "store/script_digest.h"
#include "store/timestamp.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace kdq {
namespace {

// Bounds of one transaction: with them it holds the write lock for well under a millisecond.
constexpr std::size_t batch_polls = 64;
constexpr std::size_t batch_starts = 32;
// What is begun and has no answer would be lost by a crash, as a gap in a log or a start that is
// not confirmed: no more is begun than about what goes out at once (daemon/curl_transport.h). And a
// burst of starts must not hold up the polls of what runs: it pauses while many of them are under
// way.
constexpr std::size_t most_polls_under_way = 128;
constexpr std::size_t most_starts_under_way = 64;
constexpr std::size_t polls_that_pause_starts = 48;
// Starts that find the processor free go faster than their polls will be able to, which cost more
// and then fall due as fast: after a large round without any poll the next one rests for this part
// of the time that it took, as far as the processor can have been what took it.
constexpr std::size_t large_round = 24;
constexpr double rest_share = 0.7;
constexpr std::chrono::milliseconds longest_rest{5};
// Between transactions that only set rows aside: a queue of 100,000 rows must not keep the write
// lock from those who INSERT.
constexpr std::chrono::milliseconds pause_between_scans{10};
// The least that a start which has no answer yet will cost: it may be asked once too early.
constexpr std::int64_t polls_of_a_start = 2;
// With so many left no look at the script is needed: at the highest price none costs as many.
constexpr double ample_polls = 50;
// The tasks may need less than was reserved for them.
constexpr std::chrono::milliseconds look_for_polls_again{30'000};
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

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
        app.gate.begin_plan();
        plan_polls(app, plan, now);
      }
      plan_starts(plan, now);
    });
    if (plan.empty())
      return false;
    state_.database.write([&] { begin(plan, begun, now); });
    bulletin_.committed();
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

/// Whether no start may be begun now, so that polls do not come faster than they can be sent.
bool Dispatcher::rests(Moment now) {
  if (!round_ || round_->began == now.steady)
    return false; // it is still being filled
  if (!round_->goes_on) {
    round_->goes_on = now.steady;
    if (round_->starts >= large_round && !round_->polled)
      *round_->goes_on += std::min(
          longest_rest,
          std::chrono::round<std::chrono::milliseconds>(
              rest_share * std::chrono::duration<double, std::milli>(now.steady - round_->began)));
  }
  if (now.steady < *round_->goes_on) {
    wake_at(*round_->goes_on);
    return true;
  }
  round_.reset();
  return false;
}

void Dispatcher::send_all() {
  if (outgoing_.empty())
    return;
  state_.database.durable(); // the intents are on disk before a byte leaves
  for (auto& [id, request] : outgoing_)
    transport_.send(id, std::move(request));
  outgoing_.clear();
}

const std::string* Dispatcher::usable_token(AppGate& gate, Moment now) {
  if (const auto known = token_.find(gate.name()); known != token_.end())
    return known->second.empty() ? nullptr : &known->second;
  std::string& slot = token_[gate.name()];
  auto read = tokens_.token(gate.name());
  if (const auto* problem = std::get_if<TokenProblem>(&read)) {
    gate.no_token(problem->sentence, now.steady);
    return nullptr;
  }
  std::string& value = std::get<std::string>(read);
  if (!gate.accepts_token(value)) {
    gate.no_token("KDocs refuses the access token: put a fresh one into the token file, which is "
                  "read again when it changes (under systemd: systemctl restart kdocs-queued)",
                  now.steady);
    return nullptr;
  }
  slot = std::move(value);
  return &slot;
}

/// Fits the app's price to its day; `planned`: its polls in this plan, which the ledger lacks.
void Dispatcher::reprice_if_needed(AppState& app, std::size_t planned, Moment now) {
  const WallTime plan_now = state_.plan_time(now.steady);
  if (!app.schedule.needs_price(plan_now))
    return;
  DayBudget budget = state_.budget_with_queue(app, now);
  budget.status_used += static_cast<std::int64_t>(planned);
  app.schedule.reprice(plan_now, budget);
}

void Dispatcher::plan_polls(AppState& app, Plan& plan, Moment now) {
  AppGate& gate = app.gate;
  PriceSchedule& schedule = app.schedule;
  const WallTime plan_now = state_.plan_time(now.steady);
  const std::size_t before = plan.polls.size();
  while (schedule.open() > 0) {
    reprice_if_needed(app, plan.polls.size() - before, now);
    const auto next = schedule.next_wakeup();
    if (*next > plan_now) {
      wake_at(state_.steady_time(*next));
      return;
    }
    if (const SteadyTime opens = gate.opens_at(Endpoint::status, now); opens > now.steady) {
      wake_at(opens);
      return;
    }
    if (plan.polls.size() == plan.poll_room) {
      if (plan.poll_room == batch_polls) // else an answer wakes us
        wake_at(now.steady);
      return;
    }
    if (!usable_token(gate, now))
      continue; // the gate has closed: the next round plans the wake-up
    if (const SteadyTime ready = gate.rate_ready_at(now.steady); ready > now.steady) {
      wake_at(ready);
      return;
    }
    if (const auto due = schedule.next_due(plan_now)) {
      gate.take(Endpoint::status, now.steady);
      plan.polls.push_back(*due);
    }
  }
}

std::size_t Dispatcher::slots_on(const std::string& file_token) const {
  const std::size_t limit = state_.settings.max_running_per_file;
  if (state_.pauses.files.contains(file_token))
    return 0;
  if (limit == 0)
    return no_limit;
  const std::size_t taken = state_.tasks.on_file(file_token);
  return limit > taken ? limit - taken : 0;
}

void Dispatcher::plan_starts(Plan& plan, Moment now) {
  if (state_.queue.queued() == 0) {
    for (auto& [name, app] : state_.apps)
      app.no_polls_left.reset();
    return;
  }
  plan.expired = state_.queue.expired(now.wall);
  if (const auto next = state_.queue.next_time()) {
    plan.promote = *next <= now.wall;
    wake_at(plan.promote ? now.steady : now.steady + (*next - now.wall));
  }
  const std::size_t running = state_.tasks.size();
  std::size_t free = std::min(plan.start_room, state_.settings.max_running -
                                                   std::min(running, state_.settings.max_running));
  if (free > 0 && rests(now))
    free = 0;
  choose_starts(plan, find_startable(plan, free, now), free, now);
}

/// Scans the queues of all apps that may start something; in claim order over all of them.
std::vector<QueueScan::Entry> Dispatcher::find_startable(Plan& plan, std::size_t free, Moment now) {
  std::vector<QueueScan::Entry> found;
  if (state_.pauses.all)
    return found; // the change of pauses wakes us
  const auto slots = [this](const std::string& file) { return slots_on(file); };
  // Hands the startable rows to `taker`; what the scan found beside them is to be set aside.
  const auto take_over = [&plan](QueueScan scan, std::vector<QueueScan::Entry>& taker) {
    std::move(scan.startable.begin(), scan.startable.end(), std::back_inserter(taker));
    scan.startable.clear();
    if (scan.more || !scan.early.empty() || !scan.behind.empty())
      plan.scans.push_back(std::move(scan));
  };
  for (const std::string& app : state_.queue.queued_apps()) {
    if (state_.pauses.apps.contains(app))
      continue;
    const auto configured = state_.apps.find(app);
    if (configured == state_.apps.end()) {
      const auto any = [](const std::string&) { return no_limit; };
      const std::size_t before = plan.unstartable.size();
      take_over(state_.queue.scan(app, now.wall, batch_starts, 0, any), plan.unstartable);
      if (plan.unstartable.size() > before)
        wake_at(now.steady);
      continue;
    }
    if (free == 0)
      continue; // a task's end or an answer wakes us
    const SteadyTime opens = configured->second.gate.opens_at(Endpoint::submit, now);
    if (opens > now.steady) {
      wake_at(opens);
      continue;
    }
    take_over(state_.queue.scan(app, now.wall, std::min(free, batch_starts),
                                state_.tasks.taken_files() + state_.pauses.files.size(), slots),
              found);
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.order() < b.order(); });
  return found;
}

void Dispatcher::choose_starts(Plan& plan, std::vector<QueueScan::Entry> found, std::size_t free,
                               Moment now) {
  std::map<std::string, std::size_t> chosen_on; // one file may be queued for under two apps
  std::map<std::string, AppStarts> starts_of;
  for (QueueScan::Entry& entry : found) {
    if (plan.starts.size() == std::min(free, batch_starts))
      break;
    AppState& app = state_.apps.find(entry.app)->second;
    AppGate& gate = app.gate;
    std::size_t& chosen = chosen_on[entry.file_token];
    AppStarts& starts = starts_of[entry.app];
    if (chosen >= slots_on(entry.file_token) || starts.held)
      continue;
    if (!usable_token(gate, now)) {
      wake_at(gate.opens_at(Endpoint::submit, now));
      continue;
    }
    if (const SteadyTime opens = gate.opens_at(Endpoint::submit, now); opens > now.steady) {
      wake_at(opens); // one request tries out an app that had to wait
      continue;
    }
    if (const SteadyTime ready = gate.rate_ready_at(now.steady); ready > now.steady) {
      wake_at(ready);
      continue;
    }
    if (!has_polls_for(app, entry.id, starts, now)) {
      starts.held = true;
      continue;
    }
    gate.take(Endpoint::submit, now.steady);
    ++starts.chosen;
    ++chosen;
    plan.starts.push_back(std::move(entry));
  }
  if (plan.starts.size() == batch_starts && free > batch_starts)
    wake_at(now.steady); // there may be more to start
}

/// Whether the day has status requests left to bring one more task to its end, beside those that
/// run and those that are being started. If not, says so in the app's state.
bool Dispatcher::has_polls_for(AppState& app, JobId job, AppStarts& starts, Moment now) {
  reprice_if_needed(app, 0, now); // with a task to be asked, plan_polls() has done so
  const std::size_t starting = state_.tasks.of_app(app.gate.name()) -
                               std::min(app.schedule.open(), state_.tasks.of_app(app.gate.name())) +
                               starts.chosen;
  if (!starts.budget)
    starts.budget = state_.budget(app, now);
  DayBudget& budget = *starts.budget;
  budget.status_reserve = polls_of_a_start * static_cast<std::int64_t>(starting);
  // The script needs to be read only where it matters.
  if (app.schedule.has_room_for(ample_polls, budget) ||
      app.schedule.admits(keys_of(state_.queue.identity(job)), budget)) {
    app.no_polls_left.reset();
    return true;
  }
  const std::size_t running = app.schedule.open() + starting;
  const WallTime roll = app.gate.day(now.wall).ends;
  app.no_polls_left = Hold{
      (running == 0
           ? std::string("too few of today's status requests are left to bring another script to "
                         "its end")
           : "the rest of today's status requests is reserved for " + std::to_string(running) +
                 " running tasks") +
          "; starts go on at " + utc_second(roll) + " at the latest",
      roll};
  wake_at(now.steady + std::min<std::chrono::milliseconds>(roll - now.wall, look_for_polls_again));
  return false;
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
  bulletin_.ride_along(now);
}

void Dispatcher::begin_polls(const Plan& plan, Begun& begun, WallTime now) {
  QuotaPurse purse(state_, Endpoint::status, now);
  for (const DuePoll& poll : plan.polls)
    purse.want(state_.tasks.find(poll.job)->app);
  purse.fill();
  for (const DuePoll& poll : plan.polls) {
    const Task& task = *state_.tasks.find(poll.job);
    if (!purse.pay(task.app)) {
      begun.unpaid.push_back(poll.job);
      begun.spent.push_back(purse.key(task.app));
    } else if (const auto request = state_.queue.begin_poll(poll.job, task.attempt, now)) {
      begun.polls.push_back({*request, poll, purse.key(task.app)});
    } else {
      purse.unpay(task.app);
      begun.gone.push_back(poll.job);
    }
  }
  purse.empty();
}

void Dispatcher::begin_starts(const Plan& plan, Begun& begun, WallTime now) {
  QuotaPurse purse(state_, Endpoint::submit, now);
  for (const QueueScan::Entry& entry : plan.starts)
    purse.want(entry.app);
  purse.fill();
  for (const QueueScan::Entry& entry : plan.starts) {
    if (!purse.pay(entry.app)) {
      begun.spent.push_back(purse.key(entry.app));
      continue;
    }
    auto job = state_.queue.begin_submit(entry, now);
    if (!job) {
      begun.missed = true;
      purse.unpay(entry.app); // cancelled since the scan
      state_.queue.drop_orphan(entry.id);
      continue;
    }
    const RequestId request = state_.queue.add_start(job->id, job->attempt, now);
    begun.starts.push_back({request, std::move(*job), purse.key(entry.app)});
  }
  purse.empty();
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
  state_.events.polled(job, now.wall + (poll.due.due - state_.plan_time(now.steady)));
  state_.in_flight.emplace(poll.request, InFlight{poll.request, job, task.attempt, Endpoint::status,
                                                  std::move(poll.paid_from), now.wall, now.steady,
                                                  token, task.task});
  state_.apps.at(task.app).gate.sent(Endpoint::status, now.steady);
  outgoing_.emplace_back(
      poll.request,
      kdocs_api::task_status(state_.apps.at(task.app).gate.settings(), token, task.task));
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
  state_.apps.at(job.app).gate.sent(Endpoint::submit, now.steady);

  auto call = kdocs_api::run_script(state_.apps.at(job.app).gate.settings(), token, job);
  if (const auto* refusal = std::get_if<kdocs_api::Unsendable>(&call)) {
    Judgement judgement;
    judgement.request = std::move(request);
    judgement.end = {start.request, "not_sent", 0, {}};
    judgement.sent = false;
    judgement.meaning = StartFailed{refusal->sentence};
    settlement_.add(std::move(judgement));
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
    state_.apps.at(key.app).gate.quota_spent(key.endpoint, now.wall);
  for (std::size_t i = 0; i < begun.refused.size(); ++i)
    state_.events.settled(begun.refused[i].first, begun.refused[i].second, begun.reasons[i]);
  if (!begun.spent.empty() || begun.missed || !begun.gone.empty())
    wake_at(now.steady); // what was planned for these is free, or the roll is to be waited for
}

} // namespace kdq
