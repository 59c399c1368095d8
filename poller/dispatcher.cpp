#include "poller/dispatcher.h"

#include <algorithm>
#include <limits>

namespace kdq {
namespace {

// Bounds of one transaction: with them it holds the write lock for well under a millisecond.
constexpr std::size_t batch_polls = 32;
constexpr std::size_t batch_starts = 16;
// Between transactions that only set rows aside: a queue of 100,000 rows must not keep the write
// lock from those who INSERT.
constexpr std::chrono::milliseconds pause_between_scans{10};
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

} // namespace

bool Dispatcher::Plan::empty() const {
  return polls.empty() && starts.empty() && unstartable.empty() && expired.empty() && !promote &&
         scans.empty();
}

void Dispatcher::dispatch() {
  const Moment now = state_.now();
  wake_ = SteadyTime::max();
  token_.clear();

  Plan plan;
  Begun begun;
  for (auto& [name, gate] : state_.gates) {
    gate.begin_plan();
    plan_polls(gate, plan, now);
  }
  try {
    state_.database.read([&] { plan_starts(plan, now); });
    if (plan.empty())
      return;
    state_.database.write([&] { begin(plan, begun, now); });
  } catch (...) {
    for (const JobId id : plan.polls)
      state_.tasks.set_due(id, now.steady);
    throw;
  }
  if (!begun.polls.empty() || !begun.starts.empty())
    state_.database.durable(); // the intent is on disk before a byte leaves
  for (Begun::Poll& poll : begun.polls)
    send_poll(poll, now);
  for (Begun::Start& start : begun.starts)
    send_start(start, now);
  follow_up(begun, now);
  // A claim makes its file's next job ready, and a scan that set rows aside has not seen all: look
  // again, but leave others room to write where nothing was sent.
  const bool sent = !begun.polls.empty() || !begun.starts.empty();
  if (!begun.starts.empty() || !plan.scans.empty())
    wake_at(sent ? now.steady : now.steady + pause_between_scans);
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
    gate.no_token("KDocs refuses the access token: put a fresh one into the token file; it is "
                  "read again when it changes",
                  now.steady);
    return nullptr;
  }
  slot = std::move(value);
  return &slot;
}

void Dispatcher::plan_polls(AppGate& gate, Plan& plan, Moment now) {
  while (const auto due = state_.tasks.next_due(gate.name())) {
    const SteadyTime opens = gate.opens_at(Endpoint::status, now);
    if (due->first > now.steady || opens > now.steady) {
      wake_at(std::max(due->first, opens));
      return;
    }
    if (plan.polls.size() == batch_polls) {
      wake_at(now.steady);
      return;
    }
    if (!usable_token(gate, now))
      continue; // the gate has closed: the next round plans the wake-up
    if (!gate.take(Endpoint::status, now.steady)) {
      wake_at(gate.rate_ready_at(now.steady));
      return;
    }
    state_.tasks.clear_due(due->second);
    plan.polls.push_back(due->second);
  }
}

std::size_t Dispatcher::slots_on(const std::string& file_token) const {
  const std::size_t limit = state_.settings.max_running_per_file;
  if (limit == 0)
    return no_limit;
  const std::size_t taken = state_.tasks.on_file(file_token);
  return limit > taken ? limit - taken : 0;
}

void Dispatcher::plan_starts(Plan& plan, Moment now) {
  if (state_.queue.count(JobState::queued) == 0)
    return;
  plan.expired = state_.queue.expired(now.wall);
  if (const auto next = state_.queue.next_time()) {
    plan.promote = *next <= now.wall;
    wake_at(plan.promote ? now.steady : now.steady + (*next - now.wall));
  }
  const std::size_t running = state_.tasks.size();
  const std::size_t free =
      state_.settings.max_running > running ? state_.settings.max_running - running : 0;
  choose_starts(plan, find_startable(plan, free, now), free, now);
}

/// Scans the queues of all apps that may start something; in claim order over all of them.
std::vector<QueueScan::Entry> Dispatcher::find_startable(Plan& plan, std::size_t free, Moment now) {
  std::vector<QueueScan::Entry> found;
  const auto slots = [this](const std::string& file) { return slots_on(file); };
  for (const std::string& app : state_.queue.queued_apps()) {
    const auto gate = state_.gates.find(app);
    if (gate == state_.gates.end()) {
      const auto any = [](const std::string&) { return no_limit; };
      QueueScan scan = state_.queue.scan(app, now.wall, batch_starts, 0, any);
      plan.unstartable.insert(plan.unstartable.end(), scan.startable.begin(), scan.startable.end());
      if (scan.more || !scan.startable.empty())
        wake_at(now.steady);
      continue;
    }
    if (free == 0)
      continue; // a task's end wakes us
    const SteadyTime opens = gate->second.opens_at(Endpoint::submit, now);
    if (opens > now.steady) {
      wake_at(opens);
      continue;
    }
    QueueScan scan = state_.queue.scan(app, now.wall, std::min(free, batch_starts),
                                       state_.tasks.taken_files(), slots);
    std::move(scan.startable.begin(), scan.startable.end(), std::back_inserter(found));
    scan.startable.clear();
    if (scan.more || !scan.early.empty() || !scan.behind.empty())
      plan.scans.push_back(std::move(scan));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.order() < b.order(); });
  return found;
}

void Dispatcher::choose_starts(Plan& plan, std::vector<QueueScan::Entry> found, std::size_t free,
                               Moment now) {
  std::map<std::string, std::size_t> chosen_on; // one file may be queued for under two apps
  for (QueueScan::Entry& entry : found) {
    if (plan.starts.size() == std::min(free, batch_starts))
      break;
    AppGate& gate = state_.gates.find(entry.app)->second;
    std::size_t& chosen = chosen_on[entry.file_token];
    if (chosen >= slots_on(entry.file_token))
      continue;
    if (!usable_token(gate, now)) {
      wake_at(gate.opens_at(Endpoint::submit, now));
      continue;
    }
    if (const SteadyTime opens = gate.opens_at(Endpoint::submit, now); opens > now.steady) {
      wake_at(opens); // one request tries out an app that had to wait
      continue;
    }
    if (!gate.take(Endpoint::submit, now.steady)) {
      wake_at(gate.rate_ready_at(now.steady));
      continue;
    }
    ++chosen;
    plan.starts.push_back(std::move(entry));
  }
  if (plan.starts.size() == batch_starts && free > batch_starts)
    wake_at(now.steady); // there may be more to start
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
}

void Dispatcher::begin_polls(const Plan& plan, Begun& begun, WallTime now) {
  for (const JobId id : plan.polls) {
    const Task& task = *state_.tasks.find(id);
    AppGate& gate = state_.gates.find(task.app)->second;
    const QuotaKey key = gate.quota_key(Endpoint::status, now);
    if (!state_.ledger.take(key, gate.allowed(Endpoint::status))) {
      begun.unpaid.push_back(id);
      begun.spent.push_back(key);
    } else if (!state_.queue.begin_poll(id, task.attempt)) {
      state_.ledger.give_back(key);
      begun.gone.push_back(id);
    } else {
      begun.polls.push_back(
          {state_.queue.add_request(id, task.attempt, Endpoint::status, now), id, key});
    }
  }
}

void Dispatcher::begin_starts(const Plan& plan, Begun& begun, WallTime now) {
  for (const QueueScan::Entry& entry : plan.starts) {
    AppGate& gate = state_.gates.find(entry.app)->second;
    const QuotaKey key = gate.quota_key(Endpoint::submit, now);
    if (!state_.ledger.take(key, gate.allowed(Endpoint::submit))) {
      begun.spent.push_back(key);
      continue;
    }
    auto job = state_.queue.begin_submit(entry.id);
    if (!job) {
      state_.ledger.give_back(key); // cancelled since the scan
      state_.queue.drop_orphan(entry.id);
      continue;
    }
    const RequestId request =
        state_.queue.add_request(job->id, job->attempt, Endpoint::submit, now);
    begun.starts.push_back({request, std::move(*job), key});
  }
}

void Dispatcher::refuse(const Plan& plan, Begun& begun, WallTime now) {
  for (const JobId id : plan.expired)
    end_unsent(id, JobState::timed_out, "expires_at passed before it could be started", begun, now);
  for (const QueueScan::Entry& entry : plan.unstartable)
    end_unsent(entry.id, JobState::failed, unknown_app_sentence(entry.app), begun, now);
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
  for (const auto& [name, gate] : state_.gates)
    known += (known.empty() ? "" : ", ") + name;
  return "app '" + app + "' is not configured (configured: " + known +
         "); add it to the configuration and restart, then set state to 'queued'";
}

void Dispatcher::send_poll(Begun::Poll& poll, Moment now) {
  Task& task = *state_.tasks.find(poll.job);
  const std::string& token = token_.at(task.app);
  task.last_poll = std::max(task.age(now.steady), std::chrono::milliseconds(1));
  state_.in_flight.emplace(poll.request, InFlight{poll.request, poll.job, task.attempt,
                                                  Endpoint::status, std::move(poll.paid_from),
                                                  now.wall, now.steady, token, task.task});
  state_.gates.at(task.app).sent(Endpoint::status, now.steady);
  transport_.send(poll.request,
                  kdocs_api::task_status(state_.gates.at(task.app).settings(), token, task.task));
}

void Dispatcher::send_start(Begun::Start& start, Moment now) {
  const ClaimedJob& job = start.job;
  const std::string& token = token_.at(job.app);
  Task task;
  task.id = job.id;
  task.attempt = job.attempt;
  task.app = job.app;
  task.file_token = job.file_token;
  task.submitted = now.steady;
  task.timeout = job.timeout.value_or(state_.settings.job_timeout);
  state_.tasks.add(std::move(task));
  InFlight request{
      start.request, job.id, job.attempt, Endpoint::submit, std::move(start.paid_from), now.wall,
      now.steady,    token,  {}};
  state_.in_flight.emplace(start.request, request);
  state_.gates.at(job.app).sent(Endpoint::submit, now.steady);

  auto call = kdocs_api::run_script(state_.gates.at(job.app).settings(), token, job);
  if (const auto* refusal = std::get_if<kdocs_api::Unsendable>(&call)) {
    Judgement judgement;
    judgement.request = std::move(request);
    judgement.end = {start.request, "not_sent", 0, {}};
    judgement.sent = false;
    judgement.meaning = StartFailed{refusal->sentence};
    settlement_.add(std::move(judgement));
    return;
  }
  transport_.send(start.request, std::move(std::get<HttpRequest>(call)));
}

void Dispatcher::follow_up(const Begun& begun, Moment now) {
  for (const JobId id : begun.gone)
    state_.tasks.remove(id);
  for (const JobId id : begun.unpaid)
    state_.tasks.set_due(id, now.steady);
  for (const QuotaKey& key : begun.spent)
    if (const auto gate = state_.gates.find(key.app); gate != state_.gates.end())
      gate->second.quota_spent(key.endpoint, now.wall);
  for (std::size_t i = 0; i < begun.refused.size(); ++i)
    state_.events.settled(begun.refused[i].first, begun.refused[i].second, begun.reasons[i]);
  if (!begun.spent.empty())
    wake_at(now.steady); // plans the wake-up at the roll
}

} // namespace kdq
