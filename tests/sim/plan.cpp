#include "tests/sim/plan.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <tuple>
#include <utility>

namespace kdq::sim {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Kind = Action::Kind;
using FaultKind = test::Fault::Kind;

// Streams of one seed, one for each purpose.
constexpr std::uint64_t plan_stream = 1;
constexpr std::uint64_t days_stream = 5; // world.cpp and campaign.cpp have those between
constexpr std::uint64_t restores_stream = 6;
constexpr std::uint64_t pauses_stream = 7;
constexpr std::uint64_t apps_stream = 8;
constexpr std::uint64_t month_stream = 9;
constexpr std::uint64_t class_stream = 10;
constexpr std::uint64_t begin_stream = 11;
constexpr std::uint64_t refusal_stream = 12;

// Days on which clocks that schedules go by are set (see schedule_times.h), and a plain one.
constexpr std::array days_of_change{"2036-03-08", "2036-04-05", "2036-10-04"};
constexpr std::array days_before_change{"2036-04-04", "2036-10-03"};

constexpr std::size_t jobs_of_days = 700;
constexpr std::size_t jobs_of_month = 400;
constexpr std::size_t files_of_days = 150;

// Around the end of a quota day: what waits longest is over by then (a pause of the daemon's own
// takes an hour at most).
constexpr milliseconds quiet_before_roll = 70min;
constexpr milliseconds quiet_after_roll = 2min;

milliseconds some_time(Random& random, milliseconds first, milliseconds last) {
  return milliseconds(random.between(first.count(), last.count()));
}

std::string make_script(Random& random) {
  if (random.chance(5))
    return "console.log(1)";
  nlohmann::json script;
  const bool long_one = random.chance(12);
  script["ms"] = long_one ? random.between(60'000, 2'400'000) : random.between(100, 25'000);
  script["lines"] = random.between(0, 6);
  if (random.chance(12))
    script["error"] = "ReferenceError: nothing is defined";
  if (random.chance(50))
    script["result"] = random.chance(50) ? nlohmann::json("bar") : nlohmann::json{{"sum", 12}};
  return script.dump();
}

/// What it has to do with other jobs.
void add_flow(JobPlan& job, Random& random) {
  constexpr std::size_t batches = 3;
  constexpr std::array ends{"succeeded", "succeeded", "ended", "failed"};
  constexpr std::array policies{"wait", "cancel", "run"};
  if (random.chance(60))
    job.batch = static_cast<int>(random.below(batches));
  if (random.chance(20))
    job.after_batch = static_cast<int>(random.below(batches));
  for (auto needs = random.between(-3, 2); needs > 0; --needs)
    job.needs.push_back(random.next());
  job.when_needed = ends[random.below(ends.size())];
  job.on_dependency_failed = policies[random.below(policies.size())];
  job.takes_results = random.chance(40);
  job.supersedes = !job.unique_key.empty() && random.chance(60);
}

void add_schedule(JobPlan& job, Random& random, std::span<const CronTimes> times) {
  constexpr std::array overlaps{"skip", "queue_one", "queue_all", "replace"};
  constexpr std::array misses{"once", "skip", "all"};
  job.schedule = {times[random.below(times.size())], overlaps[random.below(overlaps.size())],
                  misses[random.below(misses.size())]};
}

JobPlan make_job(Random& random, std::size_t number, std::size_t files,
                 std::span<const CronTimes> schedule_times = times_in_minutes) {
  JobPlan job;
  job.name = "n" + std::to_string(number);
  job.file = "file-" + std::to_string(random.below(files));
  job.script = make_script(random);
  job.script_is_utf8 = !random.chance(2);
  job.app = random.chance(30) ? "second" : "default";
  if (random.chance(2))
    job.app = "unknown";
  job.priority = random.between(-1, 1);
  if (random.chance(15))
    job.run_in = some_time(random, -1h, 3min);
  if (random.chance(8))
    job.expires_in = some_time(random, 5s, 5min);
  if (random.chance(15))
    job.timeout_s = random.between(2, 60);
  if (random.chance(10))
    job.unique_key = "key-" + std::to_string(random.below(2));
  constexpr std::array policies{"hold", "hold", "hold", "retry", "fail"};
  job.on_unconfirmed = policies[random.below(policies.size())];
  if (random.chance(25))
    job.max_attempts = random.between(2, 4);
  if (random.chance(12))
    job.depends_on = random.next();
  if (random.chance(30))
    add_flow(job, random);
  if (random.chance(4))
    add_schedule(job, random, schedule_times);
  return job;
}

/// A stream of its own: the rest of a plan is the same on each of the days.
WallTime some_day(std::uint64_t seed, std::span<const char* const> days, const char* time_of_day) {
  Random random(seed, begin_stream);
  return *parse_time(std::string(days[random.below(days.size())]) + time_of_day);
}

AppSettings make_app(Random& random, const std::string& host) {
  AppSettings app;
  app.base_url = "https://" + host + ".test";
  const bool scarce = random.chance(35);
  app.submit_quota = scarce ? random.between(2, 6) : 500;
  app.status_quota = scarce ? random.between(15, 60) : 10'000;
  // Seldom without a limit: with a day's requests to spare every task is asked many times a second,
  // and the runs take their time for what they have seen already.
  app.requests_per_second = random.chance(10) ? 0 : static_cast<double>(random.between(1, 3));
  return app;
}

Kind some_kind(Random& random, bool may_step_clock) {
  constexpr std::array kinds{Kind::cancel, Kind::cancel,       Kind::rerun,   Kind::rerun,
                             Kind::remove, Kind::lock,         Kind::read,    Kind::step_clock,
                             Kind::insert, Kind::expire_token, Kind::restart, Kind::restart,
                             Kind::pause,  Kind::pause,        Kind::watch,   Kind::watch};
  const Kind kind = kinds[random.below(kinds.size())];
  return kind == Kind::step_clock && !may_step_clock ? Kind::lock : kind;
}

milliseconds span_of(Kind kind, Random& random) {
  if (kind != Kind::step_clock)
    return some_time(random, 100ms, 40s);
  constexpr std::array<milliseconds, 4> sizes{2s, 10min, 3h, 40h};
  const milliseconds size = sizes[random.below(sizes.size())];
  return some_time(random, -size, size);
}

Action some_action(Random& random, const Plan& plan) {
  Action action;
  action.at = some_time(random, 0ms, plan.lasts);
  action.kind = some_kind(random, plan.steps_clock);
  action.choice = random.next();
  action.span = span_of(action.kind, random);
  return action;
}

/// Many jobs get a class, in three runs of four. A stream of its own: the rest of a plan is the
/// same without.
void give_classes(Plan& plan) {
  Random random(plan.seed, class_stream);
  if (random.chance(25))
    return;
  std::array<std::pair<const char*, std::optional<ClassPlan>>, 3> classes{
      {{"bulk", ClassPlan{}}, {"nightly", ClassPlan{}}, {"without row", std::nullopt}}};
  for (auto& [name, row] : classes) {
    if (!row)
      continue;
    row->weight = random.between(1, 4);
    if (random.chance(60))
      row->max_running = random.between(1, 2);
    if (random.chance(50))
      row->starts_per_day = random.between(3, 12);
  }
  for (Action& action : plan.actions)
    if (action.kind == Kind::insert && random.chance(60))
      std::tie(action.job.job_class, action.job.class_row) = classes[random.below(classes.size())];
}

void sort(std::vector<Action>& actions) {
  std::stable_sort(actions.begin(), actions.end(),
                   [](const Action& a, const Action& b) { return a.at < b.at; });
}

} // namespace

std::string to_text(Kind kind) {
  constexpr std::array names{"insert", "cancel",     "rerun",        "delete",  "lock",
                             "read",   "step clock", "expire token", "restart", "pause",
                             "watch",  "refuse",     "back up",      "restore"};
  return names[static_cast<std::size_t>(kind)];
}

bool Plan::is_quiet(milliseconds from, milliseconds to) const {
  return rolls_at && to >= *rolls_at - quiet_before_roll && from <= *rolls_at + quiet_after_roll;
}

test::Fault Plan::fault(Endpoint, Random& random) const {
  test::Fault fault;
  if (limited_percent > 0 && random.chance(limited_percent)) {
    fault.kind = FaultKind::http_status;
    fault.number = 429;
    fault.retry_after = std::chrono::seconds(random.between(1, 900));
    return fault;
  }
  if (!random.chance(faulty_percent))
    return fault;
  constexpr std::array kinds{FaultKind::not_sent,    FaultKind::drop_before, FaultKind::drop_after,
                             FaultKind::truncate,    FaultKind::garbage,     FaultKind::http_status,
                             FaultKind::http_status, FaultKind::code,        FaultKind::none};
  fault.kind = kinds[random.below(kinds.size())];
  constexpr std::array statuses{429, 500, 502, 503, 504};
  constexpr std::array codes{-1, 10002, 30002, 30004, 30010, 40008, 4711};
  switch (fault.kind) {
  case FaultKind::truncate:
    fault.number = static_cast<int>(random.between(1, 999));
    break;
  case FaultKind::http_status:
    fault.number = statuses[random.below(statuses.size())];
    // A gateway may give up on a service that acts all the same; 429 and 503 come before it.
    fault.act = fault.number != 429 && fault.number != 503 && random.chance(50);
    break;
  case FaultKind::code:
    fault.number = codes[random.below(codes.size())];
    break;
  case FaultKind::none: // slow, by chance so slow that the client gives up before the service acts
    fault.delay = some_time(random, 1s, steps_clock ? 50s : 100s);
    break;
  default:
    break;
  }
  if (fault.kind == FaultKind::http_status || fault.kind == FaultKind::code)
    if (limits_end || random.chance(40))
      fault.retry_after = std::chrono::seconds(random.between(1, 300));
  return fault;
}

test::Fault Plan::renewal_fault(milliseconds now, Random& random) const {
  test::Fault fault;
  if (no_renewals && now >= no_renewals->first && now < no_renewals->second) {
    fault.kind = FaultKind::http_status;
    fault.number = 503;
    return fault;
  }
  if (!random.chance(20))
    return fault;
  // A reply that is lost may cost the consent: then a person has to give it anew.
  constexpr std::array kinds{FaultKind::not_sent, FaultKind::drop_before, FaultKind::drop_after,
                             FaultKind::truncate, FaultKind::garbage,     FaultKind::http_status};
  fault.kind = kinds[random.below(kinds.size())];
  fault.number = 502;
  return fault;
}

/// In one run of two. As give_classes().
void plant_refusals(Plan& plan, milliseconds longest) {
  Random random(plan.seed, refusal_stream);
  for (int i = random.chance(50) ? 0 : static_cast<int>(random.between(1, 5)); i > 0; --i) {
    Action action;
    action.kind = Kind::refuse;
    action.at = some_time(random, 0ms, plan.lasts);
    action.choice = random.next();
    action.span = some_time(random, 1s, longest);
    if (!plan.is_quiet(action.at, action.at + action.span))
      plan.actions.push_back(std::move(action));
  }
  sort(plan.actions);
}

Plan make_plan(std::uint64_t seed, bool small) {
  Random random(seed, plan_stream);
  Plan plan;
  plan.seed = seed;
  plan.settings.max_running = static_cast<std::size_t>(random.between(1, 8));
  plan.settings.apps["default"] = make_app(random, "default");
  plan.settings.apps["second"] = make_app(random, "second");
  plan.settings.notify.push_back({{"failed", "timed_out", "unconfirmed"}, "", R"(["/bin/tell"])"});
  // The quota day of Shanghai ends at 16:00 UTC: often in the run.
  plan.begins = some_day(seed, days_of_change, " 15:50:00") + some_time(random, 0min, 12min);
  plan.lasts = small ? some_time(random, 20s, 3min) : some_time(random, 3min, 40min);
  plan.latency = some_time(random, 2ms, 800ms);
  plan.shape_a = random.chance(50);
  plan.faulty_percent = random.chance(30) ? 0 : static_cast<int>(random.between(2, 35));
  plan.new_database = random.chance(10);
  plan.users_stay = random.chance(70);
  plan.steps_clock = random.chance(25);

  const auto files = static_cast<std::size_t>(random.between(1, 4));
  const auto first_jobs =
      static_cast<std::size_t>(small ? random.between(1, 4) : random.between(4, 14));
  const auto more = static_cast<std::size_t>(small ? random.between(0, 4) : random.between(5, 25));
  for (std::size_t i = 0; i < first_jobs; ++i)
    plan.actions.push_back(
        {some_time(random, 0ms, plan.lasts / 4), Kind::insert, 0, 0ms, make_job(random, i, files)});
  for (std::size_t i = 0; i < more; ++i) {
    Action action = some_action(random, plan);
    if (action.kind == Kind::insert)
      action.job = make_job(random, first_jobs + i, files);
    plan.actions.push_back(std::move(action));
  }
  give_classes(plan);
  plant_refusals(plan, 3min);
  return plan;
}

Plan make_plan_of_restores(std::uint64_t seed) {
  Plan plan = make_plan(seed, false);
  Random random(seed, restores_stream);
  // What was restored is accounted for by times.
  plan.steps_clock = false;
  std::erase_if(plan.actions, [](const Action& a) { return a.kind == Kind::step_clock; });
  plan.limited_percent = random.chance(30) ? 3 : 0;
  const std::int64_t restores = random.between(1, 4);
  for (std::int64_t i = 0; i < restores; ++i) {
    Action action;
    action.kind = Kind::back_up;
    action.at = some_time(random, 0ms, plan.lasts);
    plan.actions.push_back(action);
    // Often soon: then the requests that were on their way are so still, or have just come.
    action.kind = Kind::restore;
    action.at += random.chance(40) ? some_time(random, 100ms, 5s) : some_time(random, 0s, 10min);
    plan.actions.push_back(action);
  }
  // Of these some get the ids of those that the restored file does not have.
  const std::int64_t jobs = random.between(5, 20);
  for (std::int64_t i = 0; i < jobs; ++i)
    plan.actions.push_back({some_time(random, 0ms, plan.lasts), Kind::insert, 0, 0ms,
                            make_job(random, 1000 + static_cast<std::size_t>(i), 4)});
  sort(plan.actions);
  return plan;
}

Plan make_plan_of_pauses(std::uint64_t seed) {
  Plan plan = make_plan(seed, false);
  Random random(seed, pauses_stream);
  plan.steps_clock = false; // else times tell nothing
  std::erase_if(plan.actions, [](const Action& a) { return a.kind == Kind::step_clock; });
  plan.limited_percent = static_cast<int>(random.between(5, 40));
  return plan;
}

Plan make_plan_of_apps(std::uint64_t seed) {
  Random random(seed, apps_stream);
  Plan plan;
  plan.seed = seed;
  const auto ill_jobs = static_cast<std::size_t>(random.between(20, 300));
  const auto healthy_jobs = static_cast<std::size_t>(random.between(10, 40));
  plan.settings.max_running = ill_jobs + healthy_jobs; // no script waits for another one's place
  for (const char* name : {"default", "second"}) {
    AppSettings app;
    app.base_url = std::string("https://") + name + ".test";
    app.submit_quota = 100'000;
    app.status_quota = 10'000'000;
    app.requests_per_second = 10;
    plan.settings.apps[name] = app;
  }
  plan.settings.apps["default"].requests_per_second = 0; // its polls are in its starts' way, else
  plan.begins = some_day(seed, days_of_change, " 15:50:00") + some_time(random, 0min, 12min);
  plan.lasts = some_time(random, 2min, 5min);
  plan.latency = some_time(random, 2ms, 800ms);
  plan.shape_a = random.chance(50);
  plan.users_stay = random.chance(70);
  Hanging hanging{"second", random.chance(60), true, 0ms, plan.lasts};
  hanging.polls = !hanging.starts || random.chance(50);
  hanging.from = some_time(random, 0s, 30s);
  hanging.to = random.chance(50) ? plan.lasts : some_time(random, plan.lasts / 2, plan.lasts);
  plan.hanging = hanging;
  for (std::size_t i = 0; i < ill_jobs + healthy_jobs; ++i) {
    const bool ill = i < ill_jobs;
    Action action;
    action.at = some_time(random, 0ms, ill && random.chance(70) ? milliseconds(1min) : plan.lasts);
    action.job.name = "n" + std::to_string(i);
    action.job.file = "file-" + std::to_string(i);
    action.job.script =
        nlohmann::json{{"ms", random.between(500, ill ? 120'000 : 20'000)}, {"lines", 3}}.dump();
    action.job.app = ill ? "second" : "default";
    action.job.on_unconfirmed = random.chance(70) ? "hold" : "retry";
    plan.actions.push_back(std::move(action));
  }
  const std::int64_t more = random.between(0, 20);
  for (std::int64_t i = 0; i < more; ++i) {
    Action action = some_action(random, plan);
    constexpr std::array kinds{Kind::cancel, Kind::rerun, Kind::read, Kind::restart, Kind::watch};
    action.kind = kinds[random.below(kinds.size())];
    plan.actions.push_back(std::move(action));
  }
  sort(plan.actions);
  return plan;
}

Plan make_plan_of_days(std::uint64_t seed) {
  Random random(seed, days_stream);
  Plan plan;
  plan.seed = seed;
  plan.settings.max_running = 100;
  AppSettings app;
  app.base_url = "https://default.test";
  app.submit_quota = plan.submit_quota = 500;
  app.status_quota = plan.status_quota = 10'000;
  plan.settings.apps["default"] = app;
  // The day begins at 16:00 UTC; what is not quiet is the most of two.
  const milliseconds since_roll = some_time(random, 1min, 4h);
  plan.begins = some_day(seed, days_before_change, " 16:00:00") + since_roll;
  plan.rolls_at = 24h - since_roll;
  plan.lasts = 46h - since_roll;
  plan.latency = some_time(random, 2ms, 800ms);
  plan.shape_a = random.chance(50);
  plan.faulty_percent = random.chance(30) ? 0 : static_cast<int>(random.between(1, 8));
  plan.limits_end = true;
  plan.users_stay = random.chance(70);
  plan.steps_clock = random.chance(25);

  // Many scripts run often, as they do.
  std::vector<std::string> scripts;
  for (int i = 0; i < 12; ++i)
    scripts.push_back(make_script(random));
  for (std::size_t i = 0; i < jobs_of_days; ++i) {
    Action action;
    action.at = some_time(random, 0ms, random.chance(60) ? milliseconds(2h) : milliseconds(16h));
    action.job = make_job(random, i, files_of_days, times_in_days);
    action.job.app = "default";
    if (random.chance(70))
      action.job.script = scripts[random.below(scripts.size())];
    plan.actions.push_back(std::move(action));
  }
  const auto more = static_cast<std::size_t>(random.between(20, 80));
  for (std::size_t i = 0; i < more; ++i) {
    Action action = some_action(random, plan);
    if (action.kind == Kind::pause || action.kind == Kind::watch)
      action.span = some_time(random, 1min, 2h);
    const bool steps = action.kind == Kind::step_clock;
    if (plan.is_quiet(action.at, steps ? action.at : action.at + action.span))
      continue;
    // Without `remove` each request can be accounted for.
    if (action.kind == Kind::insert || action.kind == Kind::remove)
      continue;
    plan.actions.push_back(std::move(action));
  }
  plant_refusals(plan, 1h);
  return plan;
}

Plan make_plan_of_month(std::uint64_t seed) {
  Random random(seed, month_stream);
  Plan plan;
  plan.seed = seed;
  AppSettings app;
  app.base_url = "https://default.test";
  app.app_id = "AK1";
  app.login = "kdocs-queued login";
  app.submit_quota = plan.submit_quota = 500;
  app.status_quota = plan.status_quota = 2000; // with more nothing else would happen in the run
  plan.settings.apps["default"] = app;
  plan.begins = some_day(seed, days_before_change, " 16:00:00") + some_time(random, 1min, 4h);
  plan.lasts = 30 * 24h;
  plan.latency = some_time(random, 2ms, 800ms);
  plan.shape_a = random.chance(50);
  plan.faulty_percent = static_cast<int>(random.between(0, 5));
  plan.limits_end = true;
  plan.users_stay = random.chance(70);
  const milliseconds outage = some_time(random, 24h, 27 * 24h);
  plan.no_renewals = {outage, outage + 48h};
  for (std::size_t i = 0; i < jobs_of_month; ++i) {
    Action action;
    action.at = some_time(random, 0ms, plan.lasts);
    action.job = make_job(random, i, files_of_days, times_in_month);
    action.job.app = "default";
    plan.actions.push_back(std::move(action));
  }
  const milliseconds restore = some_time(random, 2 * 24h, 28 * 24h);
  for (milliseconds night = 10h; night < plan.lasts; night += 24h) {
    Action action;
    action.kind = Kind::back_up;
    action.at = night + some_time(random, 0s, 1h);
    plan.actions.push_back(action);
    if (restore >= night && restore < night + 24h) {
      action.kind = Kind::restore;
      action.at += random.chance(50) ? some_time(random, 1s, 10min) : some_time(random, 1h, 20h);
      plan.actions.push_back(action);
    }
  }
  const auto more = static_cast<std::size_t>(random.between(20, 60));
  for (std::size_t i = 0; i < more; ++i) {
    Action action = some_action(random, plan);
    constexpr std::array kinds{Kind::cancel, Kind::rerun,   Kind::lock, Kind::read,
                               Kind::pause,  Kind::restart, Kind::watch};
    action.kind = kinds[random.below(kinds.size())];
    plan.actions.push_back(std::move(action));
  }
  plant_refusals(plan, 24h);
  return plan;
}

} // namespace kdq::sim
