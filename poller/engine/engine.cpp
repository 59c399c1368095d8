#include "poller/engine/engine.h"

#include "poller/engine/app_state.h"
#include "poller/engine/app_tokens.h"
#include "poller/engine/backups.h"
#include "poller/engine/day_budgets.h"
#include "poller/engine/health_watch.h"
#include "poller/engine/housekeeping.h"
#include "poller/engine/in_flight.h"
#include "poller/engine/notices.h"
#include "poller/engine/recovery.h"
#include "poller/engine/refused_jobs.h"
#include "poller/engine/replies/effect_memory.h"
#include "poller/engine/replies/effect_writer.h"
#include "poller/engine/replies/fact_reader.h"
#include "poller/engine/replies/reply_store.h"
#include "poller/engine/replies/silent_tasks.h"
#include "poller/engine/requests/begun_memory.h"
#include "poller/engine/requests/dispatcher.h"
#include "poller/engine/requests/file_slots.h"
#include "poller/engine/requests/intent_writer.h"
#include "poller/engine/requests/poll_chooser.h"
#include "poller/engine/requests/round_planner.h"
#include "poller/engine/requests/sender.h"
#include "poller/engine/requests/start_chooser.h"
#include "poller/engine/requests/start_finder.h"
#include "poller/engine/requests/start_pace.h"
#include "poller/engine/restored_file.h"
#include "poller/engine/restored_queue.h"
#include "poller/engine/schedule_reserve.h"
#include "poller/engine/scheduled_tasks.h"
#include "poller/engine/scheduler.h"
#include "poller/engine/status_writer.h"
#include "poller/engine/store_trouble.h"
#include "poller/engine/token_keeper.h"
#include "poller/engine/user_changes.h"
#include "store/database.h"
#include "store/dependencies.h"
#include "store/job_inputs.h"
#include "store/job_queue.h"
#include "store/metric_counters.h"
#include "store/notifications.h"
#include "store/queue_scan.h"
#include "store/quota_ledger.h"
#include "store/request_log.h"
#include "store/result_log.h"
#include "store/run_times.h"
#include "store/schedules.h"
#include "store/spill_file.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// After a stop nothing is due but the replies that are on their way.
constexpr std::chrono::milliseconds wake_after_stop = 1s;
// Replies are stored, and requests begun, for so long in a tick: what becomes due meanwhile waits
// for both, and a poll shall not be late by more than 50 ms. It is enough for what a transport
// hands over at once, with one wait for the disk.
constexpr std::chrono::milliseconds longest_turn = 10ms;
// Of a checkpoint on a busy disk; measured: 1 to 2 ms while the disk has little else to do, 30 ms
// after a user's commit of 50,000 rows.
constexpr std::chrono::milliseconds checkpoint_time = 40ms;

/// The tables, as the parts below use them.
struct Store {
  explicit Store(Database& database)
      : queue(database), scanner(database), dependencies(database), inputs(database),
        schedules(database), requests(database), log(database), ledger(database),
        run_times(database), status_tables(database), notifications(database), metrics(database),
        spill(database.file()) {}

  JobQueue queue;
  QueueScanner scanner;
  Dependencies dependencies;
  JobInputs inputs;
  Schedules schedules;
  RequestLog requests;
  ResultLog log;
  QuotaLedger ledger;
  RunTimes run_times;
  StatusTables status_tables;
  Notifications notifications;
  MetricCounters metrics;
  SpillFile spill;
};

} // namespace

/// Owns the parts, in the order in which they need each other.
struct Engine::Impl {
  Impl(EngineSettings wanted, Database& db, Transport& wire, Clock& time, Tokens& token_source,
       Events& listener)
      : settings(std::move(wanted)), database(db), transport(wire), clock(time),
        tokens(token_source), events(listener), apps(make_apps(settings)) {
    database.bound_time([this] { return clock.steady(); });
  }
  ~Impl() { database.bound_time(nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  bool may_checkpoint() const;
  void restore_app(const std::string& name, AppState& app, Moment now);
  void take_up();
  void notice_users();
  void take_settings();
  void work();
  void show_refused();
  void show_changes();
  void note_end();
  SteadyTime next_wake(SteadyTime now) const;

  EngineSettings settings;
  Database& database;
  Transport& transport;
  Clock& clock;
  Tokens& tokens;
  Events& events;
  Store store{database};

  // --- memory ---------------------------------------------------------------------------------
  AppStates apps;
  TaskTable task_table;
  ScheduledTasks tasks{task_table, apps};
  InFlightTable in_flight;
  DayBudgets budgets{store.queue, store.ledger};
  Notices notices{settings.notify, store.notifications};
  UserChanges users{database, store.queue, store.status_tables, tasks, events};

  // --- replies --------------------------------------------------------------------------------
  FactReader facts{store.queue, store.log, apps, settings};
  EffectWriter effect_writer{store.queue,     store.requests, store.log,    store.ledger,
                             store.run_times, notices,        store.metrics};
  EffectMemory effect_memory{in_flight, tasks, apps, events};
  Jitter jitter{settings.jitter_seed};
  RefusedJobs refused{database, store.status_tables, clock, events};
  ReplyStore replies{database,   clock,     facts,  effect_writer, effect_memory,
                     task_table, in_flight, events, jitter,        refused};
  SilentTasks silent{task_table, replies};
  Recovery recovery{database, store.queue, store.requests, store.run_times, store.spill,
                    budgets,  apps,        tasks,          replies,         settings};
  RestoredQueue restored_queue{database, store.queue, store.requests, store.log, clock, events};
  RestoredFile restored_file{database, store.queue, store.requests, store.ledger,
                             apps,     task_table,  in_flight,      replies};

  // --- requests -------------------------------------------------------------------------------
  ScheduleReserve reserve{store.schedules, clock};
  Scheduler scheduler{database, store.schedules, reserve, clock, events};
  TokenKeeper token_keeper{tokens, apps, in_flight, transport, clock, events, jitter};
  AppTokens app_tokens{tokens};
  FileSlots slots{task_table, users.pauses(), settings};
  StartPace pace;
  StartFinder finder{store.scanner, apps,  task_table,     budgets, store.ledger,
                     reserve,       slots, users.pauses(), refused};
  PollChooser poll_chooser{budgets, app_tokens, tasks, refused};
  StartChooser start_chooser{store.queue, store.dependencies,
                             task_table,  apps,
                             budgets,     app_tokens,
                             finder,      slots,
                             pace,        refused,
                             settings};
  RoundPlanner planner{apps, in_flight, poll_chooser, start_chooser};
  IntentWriter intents{store.queue,  store.scanner,  store.dependencies,
                       store.inputs, store.requests, store.ledger,
                       task_table,   in_flight,      apps,
                       notices,      settings};
  Sender sender{database, transport};
  BegunMemory begun_memory{tasks, apps, in_flight, app_tokens, sender, replies, events, settings};
  StatusWriter status_writer{
      store.status_tables, store.metrics, database, task_table, apps, events, notices, settings};
  Dispatcher dispatcher{database,     clock,  app_tokens, planner,       intents,
                        begun_memory, sender, pace,       status_writer, refused};
  Housekeeping housekeeping{settings.retention, database, clock, events};
  Backups backups{settings.backup, database, clock, events};
  HealthWatch health_watch{database, store.notifications, notices};
  StoreTrouble store_trouble{database, store.status_tables, clock, events};

  std::optional<EngineSettings> wanted_settings; ///< and not taken yet
  bool took_settings = false;                    ///< in the last tick
  bool stopping = false;
  bool schema_changed = false; ///< and was not looked at yet
  bool restored = false;       ///< the file was, and is not taken up yet
  bool foreign_change = false; ///< seen by the last tick
};

Engine::Engine(EngineSettings settings, Database& database, Transport& transport, Clock& clock,
               Tokens& tokens, Events& events)
    : impl_(std::make_unique<Impl>(std::move(settings), database, transport, clock, tokens,
                                   events)) {}
Engine::~Engine() = default;

void Engine::recover() {
  Impl& impl = *impl_;
  if (const std::string problem = impl.store.spill.reserve(); !problem.empty())
    impl.events.trouble(problem);
  const Moment now = impl.clock.now();
  impl.database.read([&] {
    for (auto& [name, app] : impl.apps)
      impl.restore_app(name, app, now);
  });
  impl.database.accept_schema();
  impl.restored_queue.begin(now);
  impl.take_up();
}

void Engine::Impl::restore_app(const std::string& name, AppState& app, Moment now) {
  app.breaker.restore(store.status_tables.app_pauses(name), now);
  for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status}) // known from now on
    store.ledger.used(app.breaker.quota_key(endpoint, now.wall));
}

void Engine::Impl::take_up() {
  scheduler.notice();
  const Moment now = clock.now();
  const Recovered found = recovery.run(now, restored_queue.gap());
  database.write([&] {
    status_writer.begin(now);
    backups.note_settings(now.wall);
    restored_queue.count_up();
  });
  status_writer.committed();
  restored_queue.committed(now.steady);
  silent.begin(now.steady);
  events.recovered(found.running, found.gaps, found.unconfirmed);
}

// --- one tick ----------------------------------------------------------------------------------

SteadyTime Engine::tick() {
  Impl& impl = *impl_;
  impl.foreign_change = impl.took_settings = false;
  // Here, and not at the end of the last tick: what that one sent is on its way meanwhile.
  if (impl.may_checkpoint())
    impl.database.checkpoint();
  for (Reply& reply : impl.transport.take_replies())
    if (!impl.token_keeper.take(reply))
      impl.replies.add(std::move(reply));
  // What the settings say of an app and where its token stands belong together.
  if (!impl.stopping && !impl.wanted_settings)
    impl.token_keeper.work();
  if (const SteadyTime rest = impl.store_trouble.rests_until(); impl.clock.steady() < rest)
    return rest;
  try {
    impl.work();
    impl.show_changes();
    if (!impl.stopping)
      impl.health_watch.look(impl.clock.now());
    impl.store_trouble.passed();
  } catch (const SchemaChanged&) {
    impl.database.durable();
    return impl.clock.steady(); // the next tick looks at it first
  } catch (const StoreUnavailable& error) {
    impl.database.durable(); // what was committed before
    impl.show_refused();
    return impl.store_trouble.failed(error);
  }
  impl.database.durable();
  impl.restored_queue.note_beside();
  const Moment now = impl.clock.now();
  impl.status_writer.tell_changes(now);
  return impl.next_wake(now.steady);
}

/// A checkpoint takes the disk's time, with which a poll that becomes due meanwhile would be late.
bool Engine::Impl::may_checkpoint() const {
  if (!database.log_is_long())
    return false;
  const SteadyTime now = clock.steady();
  return database.log_is_too_long() || dispatcher.next_wake(now) >= now + checkpoint_time;
}

/// Before anything is stored: a restored file may have another job under the id of a reply.
void Engine::Impl::notice_users() {
  foreign_change = users.notice();
  if (foreign_change)
    scheduler.notice();
  if (database.schema_changed()) {
    schema_changed = true;
    database.accept_schema();
  }
  if (schema_changed) {
    database.require_triggers();
    status_writer.forget();
    scheduler.notice_schema();
    refused.notice_schema();
    if (!restored_file.is_as_remembered() || restored_queue.went_back())
      restored = true; // maybe once more, before it was taken up
    schema_changed = false;
  }
  if (!restored)
    return;
  const std::size_t given_up = restored_file.give_up_all();
  refused.clear();
  restored_queue.take_up(clock.now());
  take_up();
  restored = false;
  events.trouble("the database was restored from a backup while it was in use; requests on their "
                 "way that were given up: " +
                 std::to_string(given_up));
}

/// The database first: what it refuses now is tried by the next tick, and nothing has changed.
void Engine::Impl::take_settings() {
  if (!wanted_settings)
    return;
  const Moment now = clock.now();
  wanted_settings->version = settings.version;
  wanted_settings->jitter_seed = settings.jitter_seed;
  AppStates added = make_apps(*wanted_settings);
  std::erase_if(added, [&](const auto& app) { return apps.contains(app.first); });
  database.read([&] {
    for (auto& [name, app] : added) {
      restore_app(name, app, now);
      recovery.restore_schedule(name, app, now);
    }
  });
  backups.configure(wanted_settings->backup);
  database.write([&] { backups.note_settings(now.wall); });
  std::erase_if(apps, [&](const auto& app) { return !wanted_settings->apps.contains(app.first); });
  for (auto& [name, app] : apps)
    app.breaker.configure(wanted_settings->apps.at(name), now.steady);
  apps.merge(added);
  settings = *std::move(wanted_settings);
  wanted_settings.reset();
  took_settings = true;
  housekeeping.configure(settings.retention);
  token_keeper.configure();
  status_writer.forget();
}

void Engine::Impl::work() {
  notice_users();
  take_settings();
  replies.save(clock.steady() + longest_turn);
  users.read(clock.now());
  if (stopping)
    return;
  if (restored_queue.is_holding())
    return restored_queue.work();
  if (silent.look(clock.now()))
    replies.save();
  scheduler.work();
  dispatcher.dispatch(clock.steady() + longest_turn);
  housekeeping.work();
  backups.work();
}

/// Also where nothing else can be written: those that nobody tries any more make room.
void Engine::Impl::show_refused() {
  try {
    if (refused.work())
      health_watch.rows_changed();
  } catch (const StoreUnavailable&) { // the next tick tries again
  }
}

/// Says in the database what has changed.
void Engine::Impl::show_changes() {
  const Moment now = clock.now();
  if (stopping)
    return;
  show_refused();
  bool is_due = status_writer.is_stale(now);
  if (!is_due && (status_writer.is_unseen(now.steady) || restored_queue.is_old(now.steady)))
    // An idle daemon need not be seen.
    database.read([&] {
      is_due = task_table.size() > 0 || store.queue.has_ready() || scheduler.is_behind(now.wall);
    });
  if (!is_due)
    return;
  database.write([&] {
    status_writer.write(now);
    restored_queue.count_up();
  });
  status_writer.committed();
  restored_queue.committed(now.steady);
  health_watch.rows_changed();
}

/// As what a start has not looked at, a file is not to be left: it may be a restored one.
void Engine::Impl::note_end() {
  if (!restored_queue.has_begun())
    return;
  const Moment now = clock.now();
  database.write([&] {
    store.status_tables.stopped(now.wall);
    restored_queue.count_up();
  });
  restored_queue.committed(now.steady);
  database.durable();
  restored_queue.note_beside();
}

SteadyTime Engine::Impl::next_wake(SteadyTime now) const {
  if (may_checkpoint())
    return now;
  if (stopping)
    return std::min(now + wake_after_stop, std::max(now, replies.next_wake()));
  if (restored_queue.is_holding())
    return std::max(now, restored_queue.next_wake());
  SteadyTime wake = std::min(
      {std::max(now, replies.next_wake()), dispatcher.next_wake(now), housekeeping.next_wake(),
       backups.next_wake(), store_trouble.next_wake(), std::max(now, token_keeper.next_wake()),
       std::max(now, health_watch.next_wake()), std::max(now, scheduler.next_wake(clock.now()))});
  if (task_table.size() > 0)
    wake = std::min(wake, silent.next_look());
  return wake;
}

// --- state -------------------------------------------------------------------------------------

bool Engine::took_settings() const {
  return impl_->took_settings;
}

bool Engine::saw_foreign_change() const {
  return impl_->foreign_change;
}

void Engine::configure(EngineSettings settings) {
  impl_->wanted_settings = std::move(settings);
}

void Engine::tell_config_trouble(const std::string& sentence) {
  impl_->status_writer.config_trouble(sentence);
}

std::uint64_t Engine::notices_left() const {
  return impl_->notices.left();
}

const std::vector<NotifyRule>& Engine::notify_rules() const {
  return impl_->settings.notify;
}

void Engine::stop() {
  impl_->stopping = true;
}

void Engine::spill() {
  impl_->token_keeper.save();
  impl_->replies.spill(impl_->store.spill);
}

void Engine::finish() {
  Impl& impl = *impl_;
  try {
    impl.note_end();
  } catch (const std::runtime_error&) {
    // The tables then say that it runs; the service manager knows better.
  }
  spill();
}

std::size_t Engine::in_flight() const {
  return impl_->in_flight.size() + impl_->token_keeper.in_flight();
}

std::size_t Engine::unsaved_replies() const {
  return impl_->replies.unsaved();
}

EngineStatus Engine::status() const {
  Impl& impl = *impl_;
  EngineStatus status;
  status.running = impl.task_table.size();
  status.unsaved_replies = unsaved_replies();
  const Moment now = impl.clock.now();
  try {
    impl.database.read([&] {
      status.queued = impl.store.queue.queued();
      status.polls_left = status.polls_allowed = 0;
      for (const auto& [name, app] : impl.apps) {
        const std::int64_t allowed = app.breaker.allowed(Endpoint::status);
        const std::int64_t used =
            impl.store.ledger.used(app.breaker.quota_key(Endpoint::status, now.wall));
        status.polls_allowed += allowed;
        status.polls_left += allowed - std::min(allowed, used);
      }
    });
  } catch (const StoreUnavailable& error) {
    status.trouble = error.what();
  }
  for (const std::string& sentence : {impl.refused.sentence(), impl.store_trouble.sentence()})
    if (!sentence.empty())
      status.trouble = sentence;
  for (const auto& [name, app] : impl.apps)
    if (const std::string trouble = impl.status_writer.trouble(app, now);
        status.trouble.empty() && !trouble.empty())
      status.trouble.append("app ").append(name).append(": ").append(trouble);
  return status;
}

} // namespace kdq
