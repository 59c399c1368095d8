// first_poll: with quota to spare, how long after the end of a script comes the poll that sees it.
// The scripts end a fixed time after their start (at once, by default), one job is INSERTed after
// the other. The first of them is new to the daemon; so is each with different texts, but for its
// name on its file.
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/statistics.h"

#include <algorithm>
#include <random>
#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

struct Options : CommonOptions {
  std::int64_t jobs = 200;
  MixtureOptions mixture;
  std::int64_t run_time_ms = 0;
  double pause_s = 0.06;               ///< the mean between two INSERTs
  std::int64_t submit_quota = 100'000; ///< a production app's
  std::int64_t status_quota = 1'000'000;
};

/// At moments that nothing else can be in step with.
void insert_all(QueueFile& queue, const Options& options) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> pause(options.pause_s / 2, options.pause_s * 3 / 2);
  for (std::int64_t job = 0; job < options.jobs; ++job) {
    queue.insert_one(job, options.mixture.mixture(0));
    std::this_thread::sleep_for(std::chrono::duration<double>(pause(random)));
  }
}

/// From the end of each script to the first poll after it.
std::vector<double> delays_ms(const Options& options, const Service::Record& record) {
  std::vector<std::int64_t> ends(static_cast<std::size_t>(options.jobs), -1);
  std::vector<double> delays(ends.size(), -1);
  for (const Service::Arrival& arrival : record.arrivals) {
    const auto job = static_cast<std::size_t>(arrival.marker);
    if (arrival.start)
      ends.at(job) = arrival.at_ns + options.run_time_ms * 1'000'000;
    else if (delays.at(job) < 0 && arrival.at_ns >= ends.at(job))
      delays.at(job) = static_cast<double>(arrival.at_ns - ends.at(job)) / 1e6;
  }
  if (std::find(delays.begin(), delays.end(), -1.0) != delays.end())
    throw std::runtime_error("the end of a script was not seen");
  return delays;
}

nlohmann::json measure(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = static_cast<std::size_t>(options.jobs);
  daemon.max_running_per_file = 0;
  daemon.submit_quota = options.submit_quota;
  daemon.status_quota = options.status_quota;
  const Stage stage(options.folder, daemon);
  ServiceOptions rules;
  rules.record = true;
  rules.run_time = std::chrono::milliseconds(options.run_time_ms);
  Service service(stage.folder(), rules);
  QueueFile queue(stage.database());
  Daemon program(stage, service.base_url());
  std::this_thread::sleep_for(500ms);
  insert_all(queue, options);
  wait_for("the last end", [&] { return service.counts().ended >= options.jobs; });
  program.stop();
  const Service::Record record = service.stop();
  const std::vector<double> delays = delays_ms(options, record);
  const auto jobs = static_cast<double>(options.jobs);
  return {{"bench", "first_poll"},
          {"jobs", options.jobs},
          {"texts", options.mixture.texts},
          {"files", options.mixture.files},
          {"run_time_ms", options.run_time_ms},
          {"status_quota", options.status_quota},
          {"p50_ms", rounded(percentile(delays, 0.5), 1)},
          {"p99_ms", rounded(percentile(delays, 0.99), 1)},
          {"first_ms", rounded(delays.front(), 1)},
          {"polls_per_job", rounded(static_cast<double>(record.counts.polls) / jobs)}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"From the end of a script to the poll that sees it", "first_poll"};
  options.add_to(cli);
  options.mixture.add_to(cli);
  cli.add_option("--jobs", options.jobs)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--run-time-ms", options.run_time_ms, "of the scripts")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  cli.add_option("--pause", options.pause_s, "mean seconds between two INSERTs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--submit-quota", options.submit_quota)->capture_default_str();
  cli.add_option("--status-quota", options.status_quota)->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
