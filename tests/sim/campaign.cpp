#include "tests/sim/campaign.h"

#include "store/database.h"
#include "tests/sim/audit.h"
#include "tests/sim/counter_check.h"

#include <SQLiteCpp/Database.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>

namespace kdq::sim {
namespace {

constexpr std::array<std::string_view, 9> mode_names{"kill",    "power",  "ioerr", "random", "days",
                                                     "restore", "pauses", "month", "apps"};

// A stream of its own; see plan.cpp and world.cpp.
constexpr std::uint64_t trouble_stream = 4;

// Of a row of log writes without a commit between them, which all leave the same behind.
constexpr std::size_t one_of_equal_writes = 8;

/// Memory, where there is one: the simulation's own disk does the forgetting.
std::filesystem::path fast_folder() {
  const std::filesystem::path memory = "/dev/shm";
  return access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
}

/// Whether stopping at this point leaves something else behind than at the one before it.
bool is_distinct(const std::vector<Point>& points, std::size_t i) {
  const auto is_log_write = [&](std::size_t at) {
    return at < points.size() && points[at].touch == Touch::wal_write;
  };
  if (points[i].after) // the same as before the next one, if that exists at once
    return !is_log_write(i) || !is_log_write(i + 1);
  return !is_log_write(i) || !is_log_write(i - 1) || !is_log_write(i + 2) ||
         i % one_of_equal_writes == 0;
}

/// One run, with deaths at random points.
bool is_long(Mode mode) {
  return mode >= Mode::random;
}

Plan plan_of(std::uint64_t seed, Mode mode) {
  switch (mode) {
  case Mode::days:
    return make_plan_of_days(seed);
  case Mode::restore:
    return make_plan_of_restores(seed);
  case Mode::pauses:
    return make_plan_of_pauses(seed);
  case Mode::month:
    return make_plan_of_month(seed);
  case Mode::apps:
    return make_plan_of_apps(seed);
  default:
    return make_plan(seed, !is_long(mode));
  }
}

/// Within how many points a long run's daemon dies again, at least and at most.
std::pair<std::int64_t, std::int64_t> deaths_within(Mode mode) {
  if (mode == Mode::days)
    return {20'000, 200'000};
  if (mode == Mode::month)
    return {5000, 50'000};
  if (mode == Mode::pauses)
    return {20, 600};
  if (mode == Mode::apps)
    return {1000, 20'000};
  return {200, 6000};
}

} // namespace

std::string_view to_text(Mode mode) {
  return mode_names[static_cast<std::size_t>(mode)];
}

std::optional<Mode> mode_of(std::string_view text) {
  const auto found = std::find(mode_names.begin(), mode_names.end(), text);
  if (found == mode_names.end())
    return std::nullopt;
  return static_cast<Mode>(found - mode_names.begin());
}

std::string to_text(const Totals& totals) {
  const auto line = [](const char* what, std::size_t count) {
    return std::string(what) + ": " + std::to_string(count) + "\n";
  };
  return line("runs", totals.runs) + line("points of death or failure", totals.points) +
         line("kills and power cuts", totals.deaths) + line("exits with an error", totals.exits) +
         line("restores", totals.restores) + line("tokens renewed", totals.renewals) +
         line("consents given anew", totals.consents) + line("waits asked for", totals.waits) +
         line("faults of the service and the network", totals.faults) +
         line("scripts run", totals.scripts_run) +
         line("lines handed out", totals.lines_handed_out) +
         line("lines stored", totals.lines_stored) + line("lines in gaps", totals.lines_in_gaps) +
         line("lines deleted or undone by the user", totals.lines_deleted) +
         line("duplicates", totals.duplicates) + line("lost", totals.lost) +
         line("scripts run twice", totals.run_twice);
}

std::string Failure::replay() const {
  std::string command =
      "sim --seed " + std::to_string(seed) + " --mode " + std::string(to_text(mode));
  if (step)
    command += " --step " + std::to_string(*step);
  return command + " --verbose";
}

Campaign::Campaign(bool verbose) : folder_(fast_folder()), trace_(verbose), prepared_(prepare()) {}

/// An empty database with its tables and a record of all changes of state.
std::filesystem::path Campaign::prepare() {
  const std::filesystem::path file = folder_.path() / "prepared.db";
  const Database database(file);
  SQLite::Database user(file.string(), SQLite::OPEN_READWRITE, 0, FaultVfs::user_vfs);
  user.exec(audit_schema);
  user.exec(counter_audit);
  return file;
}

bool Campaign::run(std::uint64_t seed, Mode mode, std::size_t most_points,
                   const std::function<bool(const Failure&)>& on_failure) {
  if (const auto failure = run_one(seed, mode, std::nullopt); failure && !on_failure(*failure))
    return false;
  if (is_long(mode))
    return true;
  const std::vector<std::uint64_t> steps = steps_of(seed, mode);
  const std::size_t count = std::min(most_points, steps.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t step = steps[i * steps.size() / count];
    if (const auto failure = run_one(seed, mode, step); failure && !on_failure(*failure))
      return false;
  }
  return true;
}

/// The points of the run that was just played without any trouble.
std::vector<std::uint64_t> Campaign::steps_of(std::uint64_t seed, Mode mode) const {
  std::vector<std::uint64_t> steps;
  if (mode == Mode::ioerr) {
    const auto& touches = vfs_.touches();
    for (std::size_t i = 0; i < touches.size(); ++i)
      if (i == 0 || touches[i] != touches[i - 1] || (i + seed) % one_of_equal_writes == 0)
        steps.push_back(i);
    return steps;
  }
  for (std::size_t i = 0; i < vfs_.points().size(); ++i)
    if (is_distinct(vfs_.points(), i))
      steps.push_back(i);
  return steps;
}

void Campaign::plan_trouble(World& world, Mode mode, std::uint64_t seed,
                            std::optional<std::uint64_t> step) {
  Random random(seed + step.value_or(0) * 7919, trouble_stream);
  if (is_long(mode)) {
    const auto [least, most] = deaths_within(mode);
    const auto points = static_cast<std::uint64_t>(random.between(least, most));
    world.die_again_within(points, random.chance(50) ? Death::kill : Death::power);
  } else if (step && mode == Mode::ioerr) {
    vfs_.fail_at(*step, random.chance(50), random.chance(40));
  } else if (step) {
    vfs_.die_at(*step, mode == Mode::kill ? Death::kill : Death::power);
  }
}

std::optional<Failure> Campaign::run_one(std::uint64_t seed, Mode mode,
                                         std::optional<std::uint64_t> step) {
  Failure failure{seed, mode, step, {}};
  World world(vfs_, plan_of(seed, mode), trace_, folder_.path(), prepared_);
  vfs_.begin_run(world.clock(), is_long(mode) || mode == Mode::power, !step && !is_long(mode));
  plan_trouble(world, mode, seed, step);
  try {
    world.run();
    vfs_.end_run();
    const Findings findings = check(world);
    add(world, findings);
    failure.violations = findings.violations;
    if (trace_.on() && !failure.violations.empty())
      print_rows(world);
  } catch (const std::exception& error) {
    failure.violations.push_back(error.what());
    vfs_.end_run();
  }
  totals_.points += step.has_value();
  if (failure.violations.empty())
    return std::nullopt;
  return failure;
}

void Campaign::add(World& world, const Findings& findings) {
  ++totals_.runs;
  totals_.deaths += world.seen().deaths;
  totals_.exits += world.seen().exits;
  totals_.restores += world.restores().count();
  if (const auto& oauth = world.kdocs().oauth) {
    totals_.renewals += oauth->renewals;
    totals_.consents += oauth->consents - 1;
  }
  totals_.waits += world.asked_waits().count();
  totals_.faults += world.seen().faults;
  totals_.scripts_run += world.kdocs().tasks().size();
  totals_.lines_handed_out += findings.lines_handed_out;
  totals_.lines_stored += findings.lines_stored;
  totals_.lines_in_gaps += findings.lines_in_gaps;
  totals_.lines_deleted += findings.lines_deleted;
  totals_.duplicates += findings.duplicates;
  totals_.lost += findings.lost;
  totals_.run_twice += findings.run_twice;
}

} // namespace kdq::sim
