// drain: as many jobs as the daemon can do, of one of the mixtures that users have. All are queued
// before it starts; each task is asked once, as by the limit program, if its first poll is due
// after it was accepted: with enough scripts running at a time the wait for the first poll is not
// what limits.
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"

#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

constexpr std::int64_t many_files = 1'000;
constexpr std::int64_t lines_each = 4;

struct Options : CommonOptions {
  std::int64_t jobs = 10'000;
  MixtureOptions mixture;
  std::size_t max_running = 10'000;
  std::string log_level = "info";
};

/// A job's lines and its end are stored in one transaction.
void wait_until_stored(const Service& service, QueueFile& queue, std::int64_t jobs) {
  wait_for(
      "the jobs to end", [&] { return service.counts().ended >= jobs; }, 2ms);
  wait_for(
      "the last lines to be stored",
      [&] {
        return queue.number("SELECT count(*) FROM logs") >= static_cast<double>(lines_each * jobs);
      },
      2ms);
}

void check(const Options& options, QueueFile& queue, const Service::Counts& counts) {
  const double lines = queue.number("SELECT count(*) FROM logs");
  const double gaps = queue.number("SELECT count(*) FROM logs WHERE level = 'gap'");
  const double succeeded = queue.number("SELECT count(*) FROM jobs WHERE state = 'succeeded'");
  if (counts.starts != options.jobs || succeeded != static_cast<double>(options.jobs) ||
      lines != static_cast<double>(lines_each * options.jobs) || gaps != 0 || counts.bad != 0)
    throw std::runtime_error("the work was not done as it should be");
}

nlohmann::json measure(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = options.max_running;
  daemon.max_running_per_file = 0;
  daemon.log_level = options.log_level;
  const Stage stage(options.folder, daemon);
  Service service(stage.folder());
  {
    QueueFile queue(stage.database());
    Jobs jobs;
    jobs.count = options.jobs;
    jobs.mixture = options.mixture.mixture(many_files);
    queue.insert(jobs);
  } // the last connection takes the log into the database

  const std::int64_t begin = monotonic_ns();
  Daemon program(stage, service.base_url());
  QueueFile queue(stage.database());
  wait_until_stored(service, queue, options.jobs);
  const double seconds = static_cast<double>(monotonic_ns() - begin) / 1e9;
  const Usage usage = program.usage();
  const EndedProcess ended = program.stop();

  const auto counts = service.stop().counts;
  check(options, queue, counts);
  const auto jobs = static_cast<double>(options.jobs);
  return {{"bench", "drain"},
          {"jobs", options.jobs},
          {"texts", options.mixture.texts},
          {"files", options.mixture.files},
          {"script_bytes", options.mixture.script_bytes},
          {"max_running", options.max_running},
          {"jobs_per_s", rounded(jobs / seconds, 0)},
          {"cpu_us_per_job", rounded(static_cast<double>(ended.cpu.count()) / jobs, 1)},
          {"polls_per_job", rounded(static_cast<double>(counts.polls) / jobs)},
          {"peak_memory_mb", rounded(static_cast<double>(usage.peak_memory_bytes) / 1e6, 1)},
          {"disk_bytes_per_job", rounded(static_cast<double>(usage.disk_bytes) / jobs, 0)},
          {"written_bytes_per_job", rounded(static_cast<double>(usage.written_bytes) / jobs, 0)}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"Jobs per second, and what each costs", "drain"};
  options.add_to(cli);
  options.mixture.add_to(cli);
  cli.add_option("--jobs", options.jobs)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--max-running", options.max_running)->capture_default_str();
  cli.add_option("--log-level", options.log_level, "of the daemon")->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
