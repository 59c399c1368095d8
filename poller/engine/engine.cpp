#include "poller/engine/engine.h"

#include "poller/engine/dispatcher.h"
#include "poller/engine/engine_state.h"
#include "poller/engine/housekeeping.h"
#include "poller/engine/reply_store.h"
#include "poller/engine/status_writer.h"
#include "poller/schedule/stored_runs.h"

#include <algorithm>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// After a write that another program's lock or a full disk prevented.
constexpr std::chrono::milliseconds first_store_retry = 50ms;
constexpr std::chrono::milliseconds longest_store_retry = 1s;
// Nothing may be left to be written after a failure: it is forgotten then.
constexpr std::chrono::milliseconds store_trouble_fades = 10s;
// kdocs-api §5: a task stays queryable for 24 h. What could not be asked about for so long, because
// its app is gone from the configuration or blocked, is not held for ever.
constexpr std::chrono::milliseconds longest_silence = 24h;
constexpr std::chrono::milliseconds silence_check = 10min;
// Replies are stored, and requests begun, for so long in a tick: what becomes due meanwhile waits
// for both, and a poll shall not be late by more than 50 ms. It is enough for what a transport
// hands over at once, with one wait for the disk.
constexpr std::chrono::milliseconds longest_turn = 10ms;
// Of a checkpoint on a busy disk; measured: 1 to 2 ms while the disk has little else to do, 30 ms
// after a user's commit of 50,000 rows.
constexpr std::chrono::milliseconds checkpoint_time = 40ms;

} // namespace

struct Engine::Impl {
  /// What the last run left without a stored answer.
  struct Lost {
    std::size_t gaps = 0;   ///< status requests
    std::size_t starts = 0; ///< now unconfirmed, or what their jobs' on_unconfirmed says
  };

  Impl(EngineSettings settings, Database& database, Transport& wire, Clock& clock, Tokens& tokens,
       Events& events)
      : state(std::move(settings), database, clock, events), transport(wire), reply_store(state),
        status_writer(state), dispatcher(state, reply_store, status_writer, wire, tokens),
        housekeeping(state), spill(database.file()) {}

  EngineState state;
  Transport& transport;
  ReplyStore reply_store;
  StatusWriter status_writer;
  Dispatcher dispatcher;
  Housekeeping housekeeping;
  SpillFile spill;
  bool stopping = false;
  bool foreign_change = false;
  bool unread_change = false; ///< seen, and not looked into: the database was locked
  int store_failures = 0;     ///< in a row
  std::string store_trouble;
  std::uint64_t commits_at_failure = 0; ///< at the last one
  SteadyTime store_failed_at{};
  std::map<std::string, std::string> told_trouble; ///< by app
  SteadyTime started{};                            ///< of this run
  SteadyTime next_silence_check{};

  bool may_checkpoint() const;
  void collect();
  void notice();
  void drop_silent();
  void work();
  void resume(std::vector<RunningTask> running, Moment now);
  void read_pauses_and_watches(Moment now);
  void tell();
  bool take_spilled();
  Lost judge_open_requests(Moment now);
  SteadyTime store_failed(const StoreUnavailable& error);
  void store_works();
  void tell_troubles(Moment now);
};

Engine::Engine(EngineSettings settings, Database& database, Transport& transport, Clock& clock,
               Tokens& tokens, Events& events)
    : impl_(std::make_unique<Impl>(std::move(settings), database, transport, clock, tokens,
                                   events)) {}
Engine::~Engine() = default;

// --- start ---------------------------------------------------------------------------------

void Engine::recover() {
  Impl& impl = *impl_;
  EngineState& state = impl.state;
  const Moment now = state.now();
  if (!impl.spill.reserve())
    state.events.trouble("no space could be reserved for the spill file beside the database");
  const bool spilled = impl.take_spilled();
  Impl::Lost lost;
  std::vector<RunningTask> running;
  bool counted = false;
  state.database.write([&] {
    lost = impl.judge_open_requests(now);
    state.queue.confirm_none(now.wall);
  });
  state.database.read([&] {
    running = state.queue.running();
    counted = state.queue.counts_are_right();
  });
  if (!counted)
    state.database.write([&] { state.queue.recount(); });
  state.database.durable();
  if (spilled)
    impl.spill.clear();
  const std::size_t count = running.size();
  impl.resume(std::move(running), now);
  state.database.write([&] { impl.status_writer.begin(now); });
  impl.status_writer.committed();
  impl.started = now.steady;
  impl.next_silence_check = now.steady + silence_check;
  state.events.recovered(count, lost.gaps, lost.starts);
}

/// Stores the replies that the last run could not store; whether there were any.
bool Engine::Impl::take_spilled() {
  std::map<RequestId, SpilledReply> replies;
  if (reply_store.unsaved() > 0) { // a first try of recover() has read them
    reply_store.save();
    return true;
  }
  for (SpilledReply& reply : spill.read())
    replies.insert_or_assign(reply.request, std::move(reply));
  if (replies.empty())
    return false;
  std::vector<OpenRequest> open;
  state.database.read([&] { open = state.queue.open_requests(); });
  for (const OpenRequest& request : open)
    if (const auto found = replies.find(request.id); found != replies.end()) {
      InFlight in_flight{
          request.id, request.job, request.attempt, request.endpoint, {}, request.sent_at, {},
          {},         {}};
      reply_store.add(judge(std::move(in_flight), from_spill(std::move(found->second))));
    }
  reply_store.save();
  return true;
}

/// A request without a stored answer: its reply may have existed and is lost.
Engine::Impl::Lost Engine::Impl::judge_open_requests(Moment now) {
  Lost lost;
  for (const OpenRequest& open : state.queue.open_requests()) {
    const std::string reason = "the daemon stopped before the reply to a request sent at " +
                               to_text(open.sent_at) + " UTC was stored";
    state.log.answered({open.id, "lost", 0, {}}, now.wall);
    if (open.endpoint == Endpoint::submit) {
      if (state.queue.not_confirmed(open.job, open.attempt, reason, now.wall))
        ++lost.starts;
      continue;
    }
    const auto from = state.log.complete_until(open.job, open.attempt);
    // Not `now`: what waits in a socket of the service is acted upon after a quick restart.
    const WallTime to = open.sent_at + longest_request;
    state.log.gap(open.job, open.attempt, reason, from.value_or(open.sent_at), to, now.wall);
    StatusChange change;
    change.new_gaps = 1;
    state.queue.status_seen(open.job, open.attempt, change, now.wall);
    ++lost.gaps;
  }
  return lost;
}

/// Takes the running tasks into our hands and brings each app's schedule to where it was.
void Engine::Impl::resume(std::vector<RunningTask> running, Moment now) {
  std::map<std::string, std::vector<RunRow>> learnt;
  std::map<std::string, std::vector<StartCount>> starts;
  std::map<std::string, DayBudget> budgets;
  state.database.read([&] {
    for (auto& [name, app] : state.apps) {
      learnt[name] = state.run_times.load(name);
      starts[name] = state.run_times.starts(name);
      budgets[name] = state.budget_with_queue(app, now);
    }
  });
  std::map<std::string, std::vector<OpenTask>> open;
  for (RunningTask& row : running) {
    const auto age_at = [&](WallTime moment) { return std::max(moment - row.submitted_at, 0ms); };
    Task task;
    task.id = row.id;
    task.attempt = row.attempt;
    task.app = std::move(row.app);
    task.script = std::move(row.script);
    task.task = std::move(row.task);
    task.submitted = now.steady - age_at(now.wall);
    task.timeout = row.timeout.value_or(state.settings.job_timeout);
    if (row.last_poll_at)
      task.last_poll = age_at(*row.last_poll_at);
    const Task& added = state.tasks.add(std::move(task));
    open[added.app].push_back(state.open_task(added));
  }
  for (auto& [name, app] : state.apps) {
    app.schedule =
        PriceSchedule(PriceSchedule::Options{}); // a first try of recover() may have come here
    app.schedule.restore(from_rows(std::move(learnt[name]), now), from_counts(starts[name], now),
                         std::move(open[name]), now.steady, budgets[name]);
  }
}

// --- one tick ------------------------------------------------------------------------------

SteadyTime Engine::tick() {
  Impl& impl = *impl_;
  impl.foreign_change = false;
  // Here, and not at the end of the last tick: what that one sent is on its way meanwhile.
  if (impl.may_checkpoint())
    impl.state.database.checkpoint();
  impl.collect();
  try {
    impl.work();
    impl.tell();
    impl.store_works();
  } catch (const StoreUnavailable& error) {
    impl.state.database.durable(); // what was committed before
    return impl.store_failed(error);
  }
  impl.state.database.durable();
  const Moment now = impl.state.now();
  impl.tell_troubles(now);
  if (impl.reply_store.unsaved() > 0 || impl.may_checkpoint())
    return now.steady;
  if (impl.stopping)
    return now.steady + longest_store_retry;
  SteadyTime wake = std::min(impl.dispatcher.next_wake(now), impl.housekeeping.next_wake());
  if (impl.state.tasks.size() > 0)
    wake = std::min(wake, impl.next_silence_check);
  if (!impl.store_trouble.empty())
    wake = std::min(wake, impl.store_failed_at + store_trouble_fades);
  return wake;
}

/// A checkpoint takes the disk's time, with which a poll that becomes due meanwhile would be late.
bool Engine::Impl::may_checkpoint() const {
  const Database& database = state.database;
  if (!database.log_is_long())
    return false;
  const Moment now = state.now();
  return database.log_is_too_long() || dispatcher.next_wake(now) >= now.steady + checkpoint_time;
}

void Engine::Impl::collect() {
  for (Reply& reply : transport.take_replies())
    reply_store.add(std::move(reply));
}

void Engine::Impl::work() {
  reply_store.save(state.clock.steady() + longest_turn);
  notice();
  if (stopping)
    return;
  drop_silent();
  dispatcher.dispatch(state.clock.steady() + longest_turn);
  housekeeping.work();
}

/// What users did to jobs that are in our hands.
void Engine::Impl::notice() {
  foreign_change = state.database.foreign_change();
  if (!foreign_change && !unread_change)
    return;
  unread_change = true;
  std::vector<JobId> held;
  bool same = false;
  const Moment now = state.now();
  state.database.read([&] {
    read_pauses_and_watches(now);
    same = state.queue.busy() == state.tasks.size();
    if (!same)
      held = state.queue.held();
  });
  unread_change = false;
  if (same)
    return; // users can only take jobs out of these states: the counts would differ
  std::sort(held.begin(), held.end());
  for (const JobId id : state.tasks.ids())
    if (!std::binary_search(held.begin(), held.end(), id)) {
      state.remove_task(id);
      state.events.settled(id, JobState::cancelled, "by the user");
    }
}

/// Pauses, and whose log is being followed.
void Engine::Impl::read_pauses_and_watches(Moment now) {
  state.pauses = state.status_tables.pauses();
  for (const auto& [job, until] : state.watches) // those that are there still are told again below
    if (const Task* task = state.tasks.find(job))
      state.watch(*task, now.wall, now);
  state.watches.clear();
  for (const Watch& watch : state.status_tables.watches(now.wall)) {
    state.watches[watch.job] = watch.until;
    if (const Task* task = state.tasks.find(watch.job))
      state.watch(*task, watch.until, now);
  }
}

void Engine::Impl::drop_silent() {
  const SteadyTime now = state.clock.steady();
  if (now < next_silence_check)
    return;
  std::vector<JobId> silent;
  for (const JobId id : state.tasks.ids()) {
    const Task& task = *state.tasks.find(id);
    const SteadyTime asked = std::max({task.submitted, task.heard, started});
    if (!task.task.value.empty() && now >= task.deadline() && now - asked >= longest_silence)
      silent.push_back(id);
  }
  if (!silent.empty())
    reply_store.give_up(silent,
                        "KDocs could not be asked about it for 24 h, and does not know a task "
                        "for longer");
  next_silence_check = now + silence_check;
}

// --- troubles ------------------------------------------------------------------------------

SteadyTime Engine::Impl::store_failed(const StoreUnavailable& error) {
  if (store_trouble.empty())
    state.events.trouble(error.what());
  store_trouble = error.what();
  commits_at_failure = state.database.commits();
  store_failed_at = state.clock.steady();
  const auto pause = backoff(first_store_retry, store_failures++, longest_store_retry);
  return state.clock.steady() + pause;
}

/// After a tick without failure; one that had nothing to write proves nothing.
void Engine::Impl::store_works() {
  if (store_trouble.empty())
    return;
  const bool proven = state.database.commits() > commits_at_failure;
  if (!proven && state.clock.steady() - store_failed_at < store_trouble_fades)
    return;
  state.events.relief("the database can be written again");
  store_trouble.clear();
  store_failures = 0;
}

/// Says in the database what has changed.
void Engine::Impl::tell() {
  const Moment now = state.now();
  if (stopping || !status_writer.is_stale(now))
    return;
  state.database.write([&] { status_writer.write(now); });
  status_writer.committed();
}

void Engine::Impl::tell_troubles(Moment now) {
  for (const auto& [name, app] : state.apps) {
    const std::string trouble = status_writer.trouble(app, now);
    std::string& told = told_trouble[name];
    if (same_but_for_numbers(trouble, told))
      continue; // of how many tasks, until when: the tables say it as it changes
    if (!trouble.empty() && app.breaker.blocked())
      state.events.trouble("app " + name + ": " + trouble);
    else if (!trouble.empty())
      state.events.waiting("app " + name + ": " + trouble);
    else
      state.events.relief("app " + name + " works again");
    told = trouble;
  }
}

// --- state ---------------------------------------------------------------------------------

bool Engine::saw_foreign_change() const {
  return impl_->foreign_change;
}

void Engine::stop() {
  impl_->stopping = true;
}

void Engine::spill() {
  if (impl_->reply_store.unsaved() > 0)
    impl_->reply_store.spill(impl_->spill);
}

void Engine::finish() {
  EngineState& state = impl_->state;
  try {
    state.database.write([&] { state.status_tables.stopped(state.clock.wall()); });
  } catch (const std::runtime_error&) {
    // The tables then say that it runs; the service manager knows better.
  }
  spill();
}

std::size_t Engine::in_flight() const {
  return impl_->state.in_flight.size();
}

EngineStatus Engine::status() const {
  EngineState& state = impl_->state;
  EngineStatus status;
  status.running = state.tasks.size();
  status.unsaved_replies = impl_->reply_store.unsaved();
  const Moment now = state.now();
  try {
    state.database.read([&] {
      status.queued = state.queue.queued();
      for (const auto& [name, app] : state.apps) {
        const std::int64_t allowed = app.breaker.allowed(Endpoint::status);
        status.polls_allowed += allowed;
        status.polls_left +=
            allowed -
            std::min(allowed, state.ledger.used(app.breaker.quota_key(Endpoint::status, now.wall)));
      }
    });
  } catch (const StoreUnavailable& error) {
    status.trouble = error.what();
  }
  if (!impl_->store_trouble.empty())
    status.trouble = impl_->store_trouble;
  for (const auto& [name, app] : state.apps)
    if (const std::string trouble = impl_->status_writer.trouble(app, now);
        status.trouble.empty() && !trouble.empty())
      status.trouble = "app " + name + ": " + trouble;
  return status;
}

} // namespace kdq
