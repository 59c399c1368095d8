// bursts: how late polls are when somebody INSERTs very many rows in one transaction.
//
// When a poll was due the daemon's log says (log_level debug); when it arrived, the service. Nobody
// can write while the burst's transaction holds the lock, and without a durable intent nothing may
// be sent: a poll that was due in that time is counted from the commit on as well (`after_commit`).
// Of the burst's own jobs, if they are started, the log tells when the daemon took up their polls.
#include "tests/bench/common/poll_log.h"
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
constexpr double burst_after_s = 10; ///< from the start of the daemon
constexpr double seen_for_s = 10;    ///< from the burst on
constexpr std::int64_t silence_ns = 3'000'000'000;

struct Run {
  std::map<std::int64_t, std::vector<Poll>> polls;            ///< by job, from the log
  std::map<std::int64_t, std::vector<std::int64_t>> arrivals; ///< by task: its start, its polls
  std::int64_t first_task = 0;                                ///< the job of task 0
  std::int64_t begins_ns = 0;                                 ///< of the burst
  std::int64_t commits_ns = 0;
  std::int64_t ends_ns = 0;
};

/// The checkpoint that a user's connection makes by itself comes after the look at the clock, as it
/// comes after the lock.
std::int64_t insert_burst(QueueFile& queue, std::int64_t rows) {
  Jobs burst;
  burst.count = rows;
  burst.mixture.script_bytes *= 2;
  queue.connection().exec("PRAGMA wal_autocheckpoint = 0");
  queue.insert(burst);
  const std::int64_t committed_ns = monotonic_ns();
  queue.connection().tryExec("PRAGMA wal_checkpoint");
  return committed_ns;
}

Run run(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = options.max_running;
  daemon.log_level = "debug";
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
  Daemon program(stage, service.base_url());
  std::this_thread::sleep_for(std::chrono::duration<double>(burst_after_s));

  Run run;
  run.first_task = lesson_runs + 1;
  run.begins_ns = monotonic_ns();
  run.commits_ns = insert_burst(queue, options.rows);
  std::this_thread::sleep_for(std::chrono::duration<double>(seen_for_s));
  run.ends_ns = monotonic_ns();
  program.stop();
  run.polls = polls_in(stage.log());
  for (const Service::Arrival& arrival : service.stop().arrivals)
    run.arrivals[arrival.marker].push_back(arrival.at_ns);
  if (run.arrivals.size() != static_cast<std::size_t>(options.tasks))
    throw std::runtime_error("not every task was started");
  // A poll that was due and never came is in no list: the tasks are asked about twice a second.
  for (const auto& [task, times] : run.arrivals)
    if (run.ends_ns - times.back() > silence_ns)
      throw std::runtime_error("a task was not asked any more");
  return run;
}

struct Lateness {
  std::vector<double> from_due_ms;
  std::vector<double> after_commit_ms;

  void add(const Run& run, std::int64_t due_ns, std::int64_t came_ns) {
    if (came_ns < run.begins_ns || due_ns > run.ends_ns)
      return; // not of the time that is looked at
    from_due_ms.push_back(static_cast<double>(came_ns - due_ns) / 1e6);
    after_commit_ms.push_back(static_cast<double>(came_ns - std::max(due_ns, run.commits_ns)) /
                              1e6);
  }
  double after_commit(double share) const {
    return after_commit_ms.empty() ? 0 : rounded(percentile(after_commit_ms, share), 1);
  }
};

nlohmann::json measure(const Options& options) {
  const Run run = ::run(options);
  Lateness tasks;
  Lateness others;
  for (const auto& [job, polls] : run.polls) {
    const auto arrivals = run.arrivals.find(job - run.first_task);
    for (std::size_t i = 0; i < polls.size(); ++i)
      if (arrivals == run.arrivals.end())
        others.add(run, polls[i].due_ns, polls[i].taken_ns);
      else if (i + 1 < arrivals->second.size())
        tasks.add(run, polls[i].due_ns, arrivals->second[i + 1]);
  }
  if (tasks.from_due_ms.empty())
    throw std::runtime_error("no poll was due");
  return {{"bench", "bursts"},
          {"tasks", options.tasks},
          {"rows", options.rows},
          {"max_running", options.max_running},
          {"insert_ms", rounded(static_cast<double>(run.commits_ns - run.begins_ns) / 1e6, 1)},
          {"polls", tasks.from_due_ms.size()},
          {"late_max_ms", rounded(percentile(tasks.from_due_ms, 1), 1)},
          {"late_after_commit_p99_ms", tasks.after_commit(0.99)},
          {"late_after_commit_max_ms", tasks.after_commit(1)},
          {"polls_of_the_burst", others.from_due_ms.size()},
          {"burst_late_after_commit_p99_ms", others.after_commit(0.99)},
          {"burst_late_after_commit_max_ms", others.after_commit(1)}};
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
