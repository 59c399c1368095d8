#include "tests/bench/common/running_tasks.h"

#include <algorithm>
#include <string>

namespace kdq::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::int64_t month_s = 30 * 24 * 3600;
/// Of the tasks: no later service hands out these.
constexpr std::int64_t first_task = 1'000'000'000;

/// Enqueues and has the daemon do it until `done`.
template <class Done>
void work(const Stage& stage, const Jobs& jobs, ServiceOptions rules, Done&& done) {
  const std::filesystem::path folder = stage.folder() / "before";
  std::filesystem::create_directory(folder);
  rules.first_task = first_task;
  Service service(folder, rules);
  DaemonOptions options = stage.options();
  options.max_running = static_cast<std::size_t>(std::max<std::int64_t>(10'000, jobs.count));
  options.max_running_per_file = 0;
  options.submit_quota = options.status_quota = 1'000'000'000;
  options.requests_per_second = 0;
  options.log_level = "warn";
  options.environment.clear();
  QueueFile(stage.database()).insert(jobs);
  Daemon daemon(stage, options, service.base_url());
  wait_for("work of a former run", [&] { return done(service.counts()); });
  daemon.stop();
}

} // namespace

void add_running_tasks(const Stage& stage, Jobs jobs, std::chrono::seconds age) {
  jobs.timeout_s = month_s;
  // With its first poll each task hands out three lines.
  work(stage, jobs, endless(), [&](const Service::Counts& counts) {
    return counts.starts >= jobs.count && counts.lines >= 3 * jobs.count;
  });
  QueueFile queue(stage.database());
  queue.connection().exec("UPDATE jobs SET submitted_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-" +
                          std::to_string(age.count()) + " seconds') WHERE state = 'running'");
  queue.connection().exec("DELETE FROM quota"); // as if that had been yesterday
}

void add_ended_jobs(const Stage& stage, const Jobs& jobs, std::int64_t lines_each) {
  ServiceOptions rules;
  rules.lines = lines_each;
  work(stage, jobs, rules,
       [&](const Service::Counts& counts) { return counts.ended >= jobs.count; });
}

} // namespace kdq::bench
