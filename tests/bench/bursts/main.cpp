// bursts: how late polls are when somebody INSERTs very many rows in one transaction.
//
// Nobody can write while the burst's transaction holds the lock, and without a durable intent
// nothing may be sent: a poll that was planned for that time is counted from the commit on as well
// (`after_commit`). What the schedule planned is read from two more runs with the same tasks, in
// which a poll follows the one before after a pause that depends on the task's age: one calm, and
// one in which the lock is held as long as by the burst, but nothing is written. (Without that one
// the ages after the burst would be strange to it: the plan is no smooth function of the age.) How
// wrong the plan so found can be shows another run in which the lock is only held
// (`lock_only_...`): with no row to work on, nothing but the plan's error is seen as late there.
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/statistics.h"

#include <functional>
#include <map>
#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

struct Options : CommonOptions {
  std::int64_t tasks = 100;
  std::int64_t rows = 50'000;
  std::size_t max_running = 100;
};

constexpr double started_within_s = 5; ///< the tasks start one after the other
constexpr std::int64_t lesson_runs = 300;
constexpr double burst_after_s = 10; ///< from the start of the daemon
constexpr double seen_for_s = 10;    ///< from the burst on

/// What a run does after `burst_after_s`, with a connection of a user's; returns the ns of the
/// commit.
using Disturbance = std::function<std::int64_t(QueueFile& queue)>;

struct Run {
  std::map<std::int64_t, std::vector<std::int64_t>> arrivals; ///< by task: its start, its polls
  std::int64_t begins_ns = 0;                                 ///< of the disturbance
  std::int64_t commits_ns = 0;
  std::int64_t ends_ns = 0;
};

Run run(const Options& options, const Disturbance& disturb) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = options.max_running;
  Stage stage(options.folder, daemon);
  ServiceOptions rules;
  rules.record = true;
  rules.marked_for_ever = true;
  Service service(stage.folder(), rules);
  QueueFile queue(stage.database());
  // What the burst's jobs teach must not change the plans of the tasks: their script has run so
  // often that it has a plan of its own, and the burst's is another one.
  Jobs lessons;
  lessons.count = lesson_runs;
  queue.insert(lessons);
  Jobs tasks;
  tasks.count = options.tasks;
  tasks.marker = 0;
  tasks.first_run_at_s = 1;
  tasks.run_at_step_s = started_within_s / static_cast<double>(options.tasks);
  queue.insert(tasks);
  stage.start_daemon(service.base_url());
  std::this_thread::sleep_for(std::chrono::duration<double>(burst_after_s));

  Run run;
  run.begins_ns = monotonic_ns();
  run.commits_ns = disturb(queue);
  std::this_thread::sleep_for(std::chrono::duration<double>(seen_for_s));
  run.ends_ns = monotonic_ns();
  stage.stop_daemon();
  for (const Service::Arrival& arrival : service.stop().arrivals)
    run.arrivals[arrival.marker].push_back(arrival.at_ns);
  if (run.arrivals.size() != static_cast<std::size_t>(options.tasks))
    throw std::runtime_error("not every task was started");
  return run;
}

/// The checkpoint that a user's connection makes by itself comes after the look at the clock, as it
/// comes after the lock.
std::int64_t insert_burst(QueueFile& queue, std::int64_t rows) {
  Jobs burst;
  burst.count = rows;
  burst.script_bytes = 2 * Jobs{}.script_bytes;
  queue.connection().exec("PRAGMA wal_autocheckpoint = 0");
  queue.insert(burst);
  const std::int64_t committed_ns = monotonic_ns();
  queue.connection().tryExec("PRAGMA wal_checkpoint");
  return committed_ns;
}

std::int64_t hold_the_lock(QueueFile& queue, std::int64_t for_ns) {
  queue.connection().exec("BEGIN IMMEDIATE");
  std::this_thread::sleep_for(std::chrono::nanoseconds(for_ns));
  queue.connection().exec("COMMIT");
  return monotonic_ns();
}

/// The pause after a poll, by the task's age at it.
class PlannedPauses {
public:
  /// From all pauses that the run's disturbance has not touched.
  void learn(const Run& run) {
    for (const auto& [task, times] : run.arrivals)
      for (std::size_t i = 1; i < times.size(); ++i)
        if (times[i] < run.begins_ns || times[i - 1] > run.commits_ns)
          by_age_[times[i - 1] - times[0]] = times[i] - times[i - 1];
  }

  /// The longest seen near that age; none if no poll of that age was seen. The longest, because the
  /// plan is a grid that a late poll joins again after a shorter pause: the pause after such a one
  /// is no promise for the others of its age.
  std::optional<std::int64_t> after(std::int64_t age) const {
    std::optional<std::int64_t> longest;
    for (auto seen = by_age_.lower_bound(age - nearby_ns);
         seen != by_age_.end() && seen->first <= age + nearby_ns; ++seen)
      longest = std::max(longest.value_or(0), seen->second);
    return longest;
  }

private:
  static constexpr std::int64_t nearby_ns = 50'000'000;
  std::map<std::int64_t, std::int64_t> by_age_;
};

struct Lateness {
  std::size_t unknown = 0; ///< polls after one at an age that no other run has seen
  std::vector<double> from_plan_ms;
  std::vector<double> after_commit_ms;
};

/// Of the polls that were planned from the burst on; one that did not come counts as one that came
/// at the end.
Lateness lateness(const Run& run, const PlannedPauses& pauses) {
  Lateness late;
  for (const auto& [task, times] : run.arrivals)
    for (std::size_t i = 0; i < times.size(); ++i) {
      const std::int64_t next =
          i + 1 < times.size() ? std::min(times[i + 1], run.ends_ns) : run.ends_ns;
      if (next < run.begins_ns)
        continue;
      const auto pause = pauses.after(times[i] - times[0]);
      const std::int64_t planned = times[i] + pause.value_or(0);
      if (!pause)
        ++late.unknown;
      else if (planned >= run.begins_ns && planned <= run.ends_ns) {
        late.from_plan_ms.push_back(static_cast<double>(next - planned) / 1e6);
        late.after_commit_ms.push_back(
            static_cast<double>(next - std::max(planned, run.commits_ns)) / 1e6);
      }
    }
  return late;
}

nlohmann::json measure(const Options& options) {
  const Run burst =
      run(options, [&](QueueFile& queue) { return insert_burst(queue, options.rows); });
  const std::int64_t held_ns = burst.commits_ns - burst.begins_ns;
  const Run calm = run(options, [](QueueFile&) { return monotonic_ns(); });
  const Disturbance hold = [&](QueueFile& queue) { return hold_the_lock(queue, held_ns); };
  const Run held = run(options, hold);
  const Run judged = run(options, hold);
  PlannedPauses pauses;
  pauses.learn(calm);
  pauses.learn(held);
  const Lateness late = lateness(burst, pauses);
  const Lateness locked = lateness(judged, pauses);
  if (late.from_plan_ms.empty())
    throw std::runtime_error("no poll was due");
  return {{"bench", "bursts"},
          {"tasks", options.tasks},
          {"rows", options.rows},
          {"max_running", options.max_running},
          {"insert_ms", rounded(static_cast<double>(held_ns) / 1e6, 1)},
          {"polls", late.from_plan_ms.size()},
          {"polls_of_unknown_plan", late.unknown},
          {"late_p99_ms", rounded(percentile(late.from_plan_ms, 0.99), 1)},
          {"late_max_ms", rounded(percentile(late.from_plan_ms, 1), 1)},
          {"late_after_commit_p99_ms", rounded(percentile(late.after_commit_ms, 0.99), 1)},
          {"late_after_commit_max_ms", rounded(percentile(late.after_commit_ms, 1), 1)},
          {"lock_only_after_commit_max_ms", rounded(percentile(locked.after_commit_ms, 1), 1)}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"How late polls are when very many rows come at once", "bursts"};
  options.add_to(cli);
  cli.add_option("--tasks", options.tasks)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--rows", options.rows)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--max-running", options.max_running,
                 "as many as --tasks: the rows wait; more: they are started")
      ->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
