#include "tests/sim/world.h"

#include "poller/events.h"
#include "poller/tokens.h"
#include "tests/sim/audit.h"

#include <SQLiteCpp/Statement.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace kdq::sim {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Kind = Action::Kind;

// Streams of the seed; plan.cpp has the first.
constexpr std::uint64_t service_stream = 2;
constexpr std::uint64_t death_stream = 3;

constexpr milliseconds restart_pause = 1s;    // as in the systemd unit
constexpr milliseconds stop_patience = 20s;   // as in daemon/app.cpp
constexpr milliseconds look_again = 5s;       // the daemon's sweep
constexpr milliseconds look_in_a_month = 60s; // what happens in between is of a job, or is noticed
constexpr milliseconds try_again = 500ms;     // a user whom the database refused
constexpr milliseconds repair_after = 20s; // until somebody frees space, or the disk is well again
// Without faults: all schedules were looked at, a retry of the daemon's included.
constexpr milliseconds caught_up_within = 2min;
constexpr milliseconds longest_drain = 24h * 20;
constexpr std::uint64_t too_many_ticks = 200'000; // only an engine that spins needs so many

} // namespace

class World::Listener : public Events {
public:
  explicit Listener(World& world) : world_(world) {}
  void recovered(std::size_t running, std::size_t gaps, std::size_t unconfirmed) override {
    tell("recovered " + std::to_string(running) + " running, " + std::to_string(gaps) + " gaps, " +
         std::to_string(unconfirmed) + " unconfirmed");
  }
  void submitted(JobId job, int attempt) override {
    tell("job " + std::to_string(job.value) + " started, attempt " + std::to_string(attempt));
  }
  void polled(JobId job, WallTime due) override {
    tell("job " + std::to_string(job.value) + " is asked, due at " + to_text(due));
  }
  void settled(JobId job, JobState state, std::string_view error) override {
    tell("job " + std::to_string(job.value) + " " + std::string(to_text(state)) + " " +
         std::string(error));
  }
  void gap(JobId job, int, std::string_view reason) override {
    tell("job " + std::to_string(job.value) + " gap: " + std::string(reason));
  }
  void trouble(std::string_view sentence) override {
    tell("trouble: " + std::string(sentence));
    // No user of the simulation has planted what says so: our own tables did.
    if (sentence.find("refuses what kdocs-queued writes") != std::string_view::npos &&
        sentence.find(refusal) == std::string_view::npos)
      world_.seen_.violations.emplace_back(sentence);
  }
  void relief(std::string_view sentence) override { tell("relief: " + std::string(sentence)); }
  void waiting(std::string_view sentence) override { tell("waiting: " + std::string(sentence)); }

private:
  void tell(const std::string& text) const {
    world_.trace_.tell(world_.clock_, [&] { return "daemon: " + text; });
  }
  World& world_;
};

World::World(FaultVfs& vfs, Plan plan, Trace& trace, std::filesystem::path folder,
             const std::filesystem::path& prepared)
    : vfs_(vfs), plan_(std::move(plan)), trace_(trace), folder_(std::move(folder)),
      file_(folder_ / "queue.db"), clock_(plan_.begins), begins_(clock_.steady()), kdocs_(clock_),
      wire_(vfs, kdocs_), users_(file_, clock_, plan_.users_stay, trace),
      events_(std::make_unique<Listener>(*this)), service_random_(plan_.seed, service_stream),
      death_random_(plan_.seed, death_stream) {
  audited_ = !plan_.new_database;
  // SQLite's own random numbers too, so that a seed plays the same again; 0 would be by chance.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(plan_.seed % 1'000'000 + 1),
                       static_cast<sqlite3*>(nullptr));
  lay_out_files(prepared);
  set_up_service();
  set_up_renewals();
  for (const Action& action : plan_.actions)
    agenda_.emplace(clock_.steady() + action.at, [this, &action] { perform(action); });
  wire_.on_start = [this] {
    check_files_in_use();
    check_classes();
    check_held();
    roll_.start_sent(clock_.steady());
  };
  wire_.on_send = [this](const HttpRequest& request) { before_send(request); };
  wire_.on_reply = [this](const std::string& url, bool start, const Delivery& delivery) {
    if (!plan_.steps_clock)
      asked_waits_.replied(app_of(url), start, delivery, clock_.now());
  };
  wire_.find_intent = [this](const HttpRequest& request) { return intent_of(request); };
  watch_roll();
}

/// What leaves has its intent in the database, of the right job.
std::optional<IntentKey> World::intent_of(const HttpRequest& request) {
  const bool start = request.method == HttpRequest::Method::post;
  const std::string of = start
                             ? nlohmann::json::parse(request.body)["script_name"].get<std::string>()
                             : test::query_parameter(request.url, "task_id");
  std::optional<IntentKey> key;
  try {
    if (!daemon_->onlooker)
      daemon_->onlooker = users_.connect();
    SQLite::Statement query(
        *daemon_->onlooker,
        std::string("SELECT f.job_id, f.attempt, f.endpoint, f.sent_at FROM in_flight f "
                    "JOIN jobs j ON j.id = f.job_id AND j.attempt = f.attempt WHERE ") +
            (start ? "f.endpoint = 'submit' AND j.script_name = ?"
                   : "f.endpoint = 'status' AND j.task_id = ?"));
    query.bind(1, of);
    if (query.executeStep())
      key = IntentKey{query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
                      query.getColumn(2).getString(), query.getColumn(3).getString()};
  } catch (const SQLite::Exception&) {
    return std::nullopt; // a fault of the disk, or somebody's lock
  }
  if (!key)
    throw std::runtime_error("a request leaves without an intent: " + of);
  return key;
}

World::~World() {
  daemon_.reset();
  users_.leave();
}

void World::lay_out_files(const std::filesystem::path& prepared) {
  for (const char* ending : {"", "-wal", "-shm", "-journal", ".suspect", ".backup", ".generation"})
    std::filesystem::remove(file_.string() + ending);
  // The spill file's space is reserved once for all runs; a zeroed head is an empty file.
  std::fstream spill(file_.string() + ".spill", std::ios::in | std::ios::out | std::ios::binary);
  spill << std::string(64, '\0');
  if (!plan_.new_database)
    std::filesystem::copy_file(prepared, file_);
}

void World::set_up_service() {
  kdocs_.latency = plan_.latency;
  kdocs_.shape_a = plan_.shape_a;
  kdocs_.submit_quota = plan_.submit_quota;
  kdocs_.status_quota = plan_.status_quota;
  kdocs_.faults = [this](Endpoint endpoint, std::size_t) {
    const test::Fault fault =
        calm_ || is_quiet() ? test::Fault{} : plan_.fault(endpoint, service_random_);
    seen_.faults += fault.kind != test::Fault::Kind::none || fault.delay > 0ms;
    seen_.not_sent += fault.kind == test::Fault::Kind::not_sent;
    trace_.tell(clock_, [&] {
      return "wire: " + std::string(to_text(endpoint)) + " request, fault " +
             std::to_string(static_cast<int>(fault.kind)) + " " + std::to_string(fault.number) +
             " delay " + std::to_string(fault.delay.count()) + " ms";
    });
    return fault;
  };
  if (plan_.hanging)
    kdocs_.hangs = [this](Endpoint endpoint, const std::string& url) {
      const Hanging& hanging = *plan_.hanging;
      const milliseconds now = clock_.steady() - begins_;
      return !calm_ && app_of(url) == hanging.app && now >= hanging.from && now < hanging.to &&
             (endpoint == Endpoint::submit ? hanging.starts : hanging.polls);
    };
}

void World::set_up_renewals() {
  if (!plan_.no_renewals)
    return;
  kdocs_.oauth.emplace();
  kdocs_.renewal_faults = [this](std::size_t) {
    return calm_ ? test::Fault{} : plan_.renewal_fault(clock_.steady() - begins_, service_random_);
  };
  consent_if_asked();
}

/// A person looks every six hours.
void World::consent_if_asked() {
  if (kdocs_.oauth->refused > consented_after_ || !consented_) {
    consented_after_ = kdocs_.oauth->refused;
    consented_ = true;
    token_.current = kdocs_.oauth->consent(clock_.wall());
    trace_.tell(clock_, [] { return "user: consents"; });
  }
  agenda_.emplace(clock_.steady() + 6h, [this] { consent_if_asked(); });
}

std::string World::app_of(const std::string& url) const {
  for (const auto& [name, app] : plan_.settings.apps)
    if (url.starts_with(app.base_url))
      return name;
  return {};
}

void World::die_again_within(std::uint64_t points, Death death) {
  die_again_within_ = points;
  next_death_ = death;
  if (points > 0)
    vfs_.die_at(vfs_.point_count() + death_random_.below(points), death);
}

// --- time --------------------------------------------------------------------------------------

void World::run() {
  play(plan_.lasts);
  calm();
  play(caught_up_within);
  check_schedules_go_on();
  insist([this] { return !users_.resume(); }, [] {});
  if (!run_empty())
    seen_.violations.push_back("jobs are stuck: the queue did not run empty in 20 days");
  check_waiting();
  if (daemon_)
    as_process([this] { end_daemon(); });
  users_.leave();
}

void World::play(milliseconds span) {
  const SteadyTime end = clock_.steady() + span;
  while (clock_.steady() < end)
    step(end);
}

void World::step(SteadyTime limit) {
  if (++ticks_ == too_many_ticks)
    throw std::runtime_error("the engine spins: it was called 200,000 times in one run");
  do_what_is_due();
  if (vfs_.failing() && !repair_is_planned_) {
    repair_is_planned_ = true;
    agenda_.emplace(clock_.steady() + repair_after, [this] { repair_disk(); });
  }
  if (!daemon_ && clock_.steady() >= starts_at_) {
    judge_end_of_daemon();
    start_daemon();
  }
  if (daemon_ && !audited_)
    audited_ = users_.keep_audit();
  const SteadyTime wake = daemon_ ? tick() : starts_at_;
  after_tick();
  const SteadyTime next = agenda_.empty() ? limit : std::min(limit, agenda_.begin()->first);
  kdocs_.wait_until(std::max(clock_.steady(), std::min(wake, next)));
}

bool World::is_quiet() const {
  const milliseconds now = clock_.steady() - begins_;
  return plan_.is_quiet(now, now);
}

void World::do_what_is_due() {
  while (!agenda_.empty() && agenda_.begin()->first <= clock_.steady()) {
    const auto what = std::move(agenda_.begin()->second);
    agenda_.erase(agenda_.begin());
    what();
  }
}

void World::perform(const Action& action) {
  const auto later = [&](milliseconds span, std::function<void()> what) {
    agenda_.emplace(clock_.steady() + span, std::move(what));
  };
  switch (action.kind) {
  case Kind::insert:
    insert(action);
    break;
  case Kind::back_up:
    back_up(action);
    break;
  case Kind::restore:
    restore(action);
    break;
  case Kind::cancel:
  case Kind::rerun:
  case Kind::remove:
  case Kind::watch:
    if (users_.act(action) && !calm_)
      later(try_again, [this, &action] { perform(action); });
    break;
  case Kind::pause:
  case Kind::refuse:
    insist([this, &action] { return users_.act(action); },
           [this, &action] {
             check_waiting();
             agenda_.emplace(clock_.steady() + action.span, [this, &action] {
               insist([this, &action] { return users_.end(action); }, [] {});
             });
           });
    break;
  case Kind::lock:
    users_.lock();
    later(action.span, [this, &action] { users_.unlock(action.choice % 2 == 0); });
    break;
  case Kind::read:
    users_.begin_reading();
    later(action.span, [this] { users_.end_reading(); });
    break;
  case Kind::step_clock:
    trace_.tell(clock_,
                [&] { return "clock: set by " + std::to_string(action.span.count()) + " ms"; });
    clock_.step_wall(action.span);
    seen_.stepped = true;
    break;
  case Kind::expire_token:
    kdocs_.token = "token-" + std::to_string(action.choice);
    trace_.tell(clock_, [] { return "service: the token has expired"; });
    later(action.span, [this, value = kdocs_.token] { token_.current = lone_token(value); });
    break;
  case Kind::restart:
    if (daemon_ && !daemon_->stopping) {
      trace_.tell(clock_, [] { return "systemd: stop"; });
      daemon_->engine->stop();
      daemon_->stopping = true;
      daemon_->stop_deadline = clock_.steady() + stop_patience;
    }
    break;
  }
}

/// Again and again, as long as another attempt makes sense.
void World::insist(const std::function<bool()>& again, const std::function<void()>& then) {
  if (again())
    agenda_.emplace(clock_.steady() + try_again, [this, again, then] { insist(again, then); });
  else
    then();
}

// --- the process -------------------------------------------------------------------------------

void World::as_process(const std::function<void()>& work) {
  try {
    work();
  } catch (const Killed&) {
  } catch (const StoreBroken& error) {
    if (!vfs_.dead() && daemon_->engine)
      daemon_->engine->spill();
    if (!vfs_.dead()) {
      Database::suspect(file_);
      exit_with_error(error.what());
    }
  } catch (const StoreUnavailable& error) {
    if (!vfs_.dead())
      exit_with_error(error.what());
  }
  if (vfs_.dead())
    bury();
}

void World::start_daemon() {
  trace_.tell(clock_, [] { return "systemd: start"; });
  daemon_ = std::make_unique<Daemon>();
  daemon_->since = clock_.steady();
  as_process([this] {
    daemon_->database = std::make_unique<Database>(file_, 0ms);
    daemon_->engine = std::make_unique<Engine>(plan_.settings, *daemon_->database, wire_, clock_,
                                               token_, *events_);
    daemon_->engine->recover();
  });
}

SteadyTime World::tick() {
  SteadyTime wake = starts_at_;
  as_process([&] {
    Daemon& daemon = *daemon_;
    const milliseconds sweep = plan_.lasts > 7 * 24h ? look_in_a_month : look_again;
    wake = std::min(daemon.engine->tick(), clock_.steady() + (calm_ ? longest_drain : sweep));
    if (!vfs_.dead() && daemon.engine->unsaved_replies() == 0)
      wire_.note_all_stored();
    if (!daemon.stopping || vfs_.dead())
      return;
    wake = std::min(wake, daemon.stop_deadline);
    if (daemon.engine->in_flight() == 0 || clock_.steady() >= daemon.stop_deadline)
      end_daemon();
  });
  return daemon_ ? wake : starts_at_;
}

/// Ends it as its main function does.
void World::end_daemon() {
  daemon_->engine->finish();
  seen_.left_in_flight |= daemon_->engine->in_flight() > 0;
  daemon_->engine.reset();
  daemon_->onlooker.reset();
  daemon_->database.reset(); // the last one to leave empties the log of SQLite: it may die of that
  if (vfs_.dead())
    return;
  trace_.tell(clock_, [] { return "daemon: ends"; });
  daemon_.reset();
  cut_wire(false);
  starts_at_ = clock_.steady() + restart_pause;
}

void World::exit_with_error(const std::string& why) {
  trace_.tell(clock_, [&] { return "daemon: exits with an error: " + why; });
  ++seen_.exits;
  seen_.left_in_flight = true;
  daemon_.reset();
  cut_wire(false);
  starts_at_ = clock_.steady() + restart_pause;
}

/// Requests outlive the process that sent them. Where times tell nothing, because the civil clock
/// is set in this run, they do not: what they take later could not be told from what is lost
/// silently.
void World::cut_wire(bool at_once) {
  wire_.cut();
  kdocs_.client_died(at_once || plan_.steps_clock);
}

/// After its death: what is left of it is closed without an effect.
void World::bury() {
  const bool power = vfs_.death() == Death::power;
  trace_.tell(clock_, [&] { return power ? "the power goes" : "the daemon is killed"; });
  ++seen_.deaths;
  seen_.left_in_flight = true;
  daemon_.reset();
  cut_wire(death_random_.chance(50));
  if (power)
    users_.leave();
  constexpr Forget how[] = {Forget::all, Forget::some, Forget::torn};
  vfs_.come_back(how[death_random_.below(3)], death_random_);
  starts_at_ = clock_.steady() + milliseconds(death_random_.between(0, 3000));
  die_again_within(die_again_within_, next_death_);
}

// --- the end -----------------------------------------------------------------------------------

void World::calm() {
  trace_.tell(clock_, [] { return "--- no more faults ---"; });
  calm_ = true;
  die_again_within_ = 0;
  agenda_.clear();
  repair_disk();
  users_.unlock(true);
  users_.end_reading();
  if (!kdocs_.oauth)
    token_.current = lone_token(kdocs_.token);
}

void World::repair_disk() {
  vfs_.repair();
  repair_is_planned_ = false;
}

bool World::run_empty() {
  const SteadyTime end = clock_.steady() + longest_drain;
  do {
    if (clock_.steady() >= end)
      return false;
    step(end);
  } while (!daemon_ || daemon_->stopping || !is_empty());
  return true;
}

bool World::is_empty() {
  bool empty = false;
  users_.look([&](SQLite::Database& database) {
    // A job that waits for one that will not succeed waits for its user.
    SQLite::Statement query(database, "SELECT NOT EXISTS (SELECT 1 FROM queue "
                                      "WHERE lane <> 'dependent') AND NOT EXISTS (SELECT 1 FROM "
                                      "ended_needs) AND NOT EXISTS (SELECT 1 FROM needs WHERE "
                                      "stuck = 2) AND (SELECT sum(jobs) FROM "
                                      "job_counts WHERE state IN ('submitting','running')) = 0");
    empty = query.executeStep() && query.getColumn(0).getInt64() == 1;
  });
  return empty && daemon_->engine->in_flight() == 0;
}

void World::watch_roll() {
  if (!plan_.rolls_at || plan_.steps_clock)
    return;
  const SteadyTime rolls = clock_.steady() + *plan_.rolls_at;
  const WallTime rolls_on = clock_.elsewhere() + *plan_.rolls_at;
  agenda_.emplace(rolls - 1s, [this, rolls, rolls_on] {
    users_.look(
        [&](SQLite::Database& database) { roll_.look_before(database, kdocs_, rolls_on, rolls); });
    check_waiting();
  });
  agenda_.emplace(rolls + 1min, [this] { roll_.look_after(seen_.violations); });
}

} // namespace kdq::sim
