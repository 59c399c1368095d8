// bursts: how late polls are when somebody INSERTs very many rows in one transaction.
//
// Two runs with the same tasks, one calm, one with a burst. What the schedule planned is read from
// the calm run: the pause that follows a poll at a given age of the task. A poll of the other run
// is late by what it comes after that pause. Nobody can write while the burst's transaction holds
// the lock, and without a durable intent nothing may be sent: a poll that was planned for that time
// is counted from the commit on as well (`after_commit`).
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/statistics.h"

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
constexpr double burst_after_s = 10;   ///< from the start of the daemon
constexpr double seen_for_s = 10;      ///< from the burst on

struct Run {
  std::map<std::int64_t, std::vector<std::int64_t>> arrivals; ///< by task: its start, its polls
  std::int64_t burst_begins_ns = 0;
  std::int64_t burst_commits_ns = 0;
  std::int64_t ends_ns = 0;
};

Run run(const Options& options, std::int64_t rows) {
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
  run.burst_begins_ns = monotonic_ns();
  Jobs burst;
  burst.count = rows;
  burst.script_bytes = 2 * tasks.script_bytes;
  queue.insert(burst);
  run.burst_commits_ns = monotonic_ns();
  std::this_thread::sleep_for(std::chrono::duration<double>(seen_for_s));
  run.ends_ns = monotonic_ns();
  stage.stop_daemon();
  for (const Service::Arrival& arrival : service.stop().arrivals)
    run.arrivals[arrival.marker].push_back(arrival.at_ns);
  if (run.arrivals.size() != static_cast<std::size_t>(options.tasks))
    throw std::runtime_error("not every task was started");
  return run;
}

/// The pause after a poll, by the task's age at it; a median where several polls were as old.
class PlannedPauses {
public:
  explicit PlannedPauses(const Run& calm) {
    std::map<std::int64_t, std::vector<double>> ages;
    std::map<std::int64_t, std::vector<double>> pauses;
    for (const auto& [task, times] : calm.arrivals)
      for (std::size_t i = 1; i < times.size(); ++i) {
        const double age = static_cast<double>(times[i - 1] - times[0]);
        const auto cell = static_cast<std::int64_t>(age / cell_ns);
        ages[cell].push_back(age);
        pauses[cell].push_back(static_cast<double>(times[i] - times[i - 1]));
      }
    for (const auto& [cell, values] : ages)
      by_age_[median(values)] = median(pauses[cell]);
  }

  /// By interpolation; none beyond what the calm run has seen.
  std::optional<double> after(double age) const {
    const auto above = by_age_.lower_bound(age);
    if (above == by_age_.end())
      return std::nullopt;
    if (above == by_age_.begin())
      return above->second;
    const auto below = std::prev(above);
    return std::lerp(below->second, above->second,
                     (age - below->first) / (above->first - below->first));
  }

private:
  static constexpr double cell_ns = 100e6;
  std::map<double, double> by_age_;
};

struct Lateness {
  std::vector<double> from_plan_ms;
  std::vector<double> after_commit_ms;
};

/// Of the polls that were planned from the burst on; one that did not come counts as one that came
/// at the end.
Lateness lateness(const Run& run, const PlannedPauses& pauses) {
  Lateness late;
  const auto begins = static_cast<double>(run.burst_begins_ns);
  const auto commits = static_cast<double>(run.burst_commits_ns);
  for (const auto& [task, times] : run.arrivals)
    for (std::size_t i = 0; i < times.size(); ++i) {
      const auto pause = pauses.after(static_cast<double>(times[i] - times[0]));
      const auto end = static_cast<double>(run.ends_ns);
      const double next =
          i + 1 < times.size() ? std::min(static_cast<double>(times[i + 1]), end) : end;
      if (!pause)
        continue;
      const double planned = static_cast<double>(times[i]) + *pause;
      if (planned < begins || planned > end)
        continue;
      late.from_plan_ms.push_back((next - planned) / 1e6);
      late.after_commit_ms.push_back((next - std::max(planned, commits)) / 1e6);
    }
  return late;
}

nlohmann::json measure(const Options& options) {
  const Run calm = run(options, 0);
  const PlannedPauses pauses(calm);
  const Lateness quiet = lateness(calm, pauses);
  const Run burst = run(options, options.rows);
  const Lateness late = lateness(burst, pauses);
  if (late.from_plan_ms.empty())
    throw std::runtime_error("no poll was due");
  return {{"bench", "bursts"},
          {"tasks", options.tasks},
          {"rows", options.rows},
          {"max_running", options.max_running},
          {"insert_ms",
           rounded(static_cast<double>(burst.burst_commits_ns - burst.burst_begins_ns) / 1e6, 1)},
          {"polls", late.from_plan_ms.size()},
          {"late_p99_ms", rounded(percentile(late.from_plan_ms, 0.99), 1)},
          {"late_max_ms", rounded(percentile(late.from_plan_ms, 1), 1)},
          {"late_after_commit_p99_ms", rounded(percentile(late.after_commit_ms, 0.99), 1)},
          {"late_after_commit_max_ms", rounded(percentile(late.after_commit_ms, 1), 1)},
          {"calm_late_p99_ms", rounded(percentile(quiet.from_plan_ms, 0.99), 1)},
          {"calm_late_max_ms", rounded(percentile(quiet.from_plan_ms, 1), 1)}};
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
