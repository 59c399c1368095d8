// scale: what a job costs when much is queued and much lies behind; one case a run, each of the
// first three with any of the mixtures that users have.
//   small     1,000 queued, nothing behind: what the others are measured by
//   large     --queued rows queued, --ended jobs and --lines log rows behind
//   future    as small, with --future jobs of high priority in front that are not due for a day
//   start     how long a start takes with --running tasks
//   scripts   bytes written for jobs with a script of --script-bytes, INSERTed while it runs
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/running_tasks.h"

#include <map>
#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

/// Jobs at a time; the small queue is filled again when they have ended, the large one has them.
constexpr std::int64_t wave = 1'000;
constexpr std::int64_t many_files = 50'000;

struct Options : CommonOptions {
  std::string what;
  MixtureOptions mixture;
  std::int64_t waves = 12;
  std::int64_t queued = 100'000;
  std::int64_t ended = 100'000;
  std::int64_t lines = 1'000'000;
  std::int64_t future = 100'000;
  std::int64_t running = 10'000;
  std::int64_t scripts = 100;
  std::size_t long_script_bytes = 256 * 1024;
};

DaemonOptions daemon_of(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = wave;
  daemon.max_running_per_file = 0;
  return daemon;
}

/// Waits until the daemon has nothing to do that is not due to new rows: it has used no processor
/// time to speak of for a second.
void wait_until_settled(Daemon& daemon) {
  auto last = daemon.usage().cpu;
  wait_for(
      "the daemon to settle",
      [&] {
        const auto now = daemon.usage().cpu;
        return now - std::exchange(last, now) < 2ms;
      },
      1s);
}

Jobs jobs_of(const Options& options, std::int64_t count) {
  Jobs jobs;
  jobs.count = count;
  jobs.mixture = options.mixture.mixture(many_files);
  return jobs;
}

/// Work is counted in requests, two a job: jobs that are half done count for half.
nlohmann::json run_waves(const Options& options, const Service& service, Daemon& program,
                         QueueFile& queue, bool refill) {
  const auto ended = [&] { return service.counts().ended; };
  const std::int64_t behind = ended();
  if (refill)
    queue.insert(jobs_of(options, wave));
  wait_for(
      "the first wave", [&] { return ended() >= behind + wave; }, 2ms);
  const Usage before = program.usage();
  const std::int64_t requests_before = service.counts().requests();
  const std::int64_t begin = monotonic_ns();
  for (std::int64_t i = 2; i <= options.waves; ++i) {
    if (refill)
      queue.insert(jobs_of(options, wave));
    wait_for(
        "a wave", [&] { return ended() >= behind + i * wave; }, 2ms);
  }
  const double seconds = static_cast<double>(monotonic_ns() - begin) / 1e9;
  const Usage used = program.usage() - before;
  const double jobs = static_cast<double>(service.counts().requests() - requests_before) / 2;
  return {{"jobs", jobs},
          {"cpu_us_per_job",
           rounded(std::chrono::duration<double, std::micro>(used.cpu).count() / jobs, 1)},
          {"disk_bytes_per_job", rounded(static_cast<double>(used.disk_bytes) / jobs, 0)},
          {"jobs_per_s", rounded(jobs / seconds, 0)},
          {"peak_memory_mb", rounded(static_cast<double>(used.peak_memory_bytes) / 1e6, 1)}};
}

nlohmann::json small(const Options& options) {
  Stage stage(options.folder, daemon_of(options));
  Service service(stage.folder());
  Daemon program(stage, service.base_url());
  QueueFile queue(stage.database());
  nlohmann::json result = run_waves(options, service, program, queue, true);
  program.stop();
  return result;
}

nlohmann::json large(const Options& options) {
  Stage stage(options.folder, daemon_of(options));
  Service service(stage.folder());
  if (options.ended > 0)
    add_ended_jobs(stage, jobs_of(options, options.ended), options.lines / options.ended);
  {
    QueueFile queue(stage.database());
    queue.insert(jobs_of(options, options.queued));
  } // the last connection takes the log into the database
  Daemon program(stage, service.base_url());
  QueueFile queue(stage.database());
  nlohmann::json result = run_waves(options, service, program, queue, false);
  program.stop();
  result["queued"] = options.queued;
  result["ended"] = options.ended;
  result["lines"] = options.lines;
  result["start_ms"] = rounded(static_cast<double>(program.start_time().count()) / 1e6, 1);
  return result;
}

nlohmann::json future(const Options& options) {
  Stage stage(options.folder, daemon_of(options));
  Service service(stage.folder());
  QueueFile queue(stage.database());
  Jobs later = jobs_of(options, options.future);
  later.priority = -10;
  later.first_run_at_s = 24 * 3600;
  queue.insert(later);
  Daemon program(stage, service.base_url());
  const std::int64_t begin = monotonic_ns();
  queue.insert(jobs_of(options, 1));
  wait_for(
      "the job behind them", [&] { return service.counts().starts > 0; }, 1ms);
  const double first_ms = static_cast<double>(monotonic_ns() - begin) / 1e6;
  wait_until_settled(program);
  const auto settling = program.usage().cpu;
  wait_for("its end", [&] { return service.counts().ended == 1; });
  nlohmann::json result = run_waves(options, service, program, queue, true);
  program.stop();
  result["future"] = options.future;
  result["first_job_after_ms"] = rounded(first_ms, 1);
  result["settling_cpu_ms"] =
      rounded(std::chrono::duration<double, std::milli>(settling).count(), 1);
  return result;
}

nlohmann::json start(const Options& options) {
  Stage stage(options.folder, daemon_of(options));
  Service service(stage.folder());
  add_running_tasks(stage, jobs_of(options, options.running), 6h);
  Daemon program(stage, service.base_url());
  const Usage usage = program.usage();
  program.stop();
  return {{"running", options.running},
          {"start_ms", rounded(static_cast<double>(program.start_time().count()) / 1e6, 1)},
          {"peak_memory_mb", rounded(static_cast<double>(usage.peak_memory_bytes) / 1e6, 1)}};
}

/// What a job with a long script makes the daemon write: the script once, when the user's INSERT
/// goes from the log into the database. With `beforehand`, the script is there already and the
/// daemon writes only what its own changes cost.
double script_bytes_written(const Options& options, bool beforehand, const char* what,
                            nlohmann::json& result) {
  Stage stage(options.folder, daemon_of(options));
  Service service(stage.folder());
  Jobs job;
  job.count = beforehand ? options.scripts : 1;
  job.mixture.script_bytes = options.long_script_bytes;
  if (beforehand)
    QueueFile(stage.database()).insert(job);
  Daemon program(stage, service.base_url());
  QueueFile queue(stage.database());
  // The daemon takes the log into the database; a writer that did would hide what that costs.
  queue.connection().exec("PRAGMA wal_autocheckpoint = 0");
  if (!beforehand)
    std::this_thread::sleep_for(1s);
  const Usage before = beforehand ? Usage{} : program.usage();
  std::uintmax_t largest_log = 0;
  const auto look = [&] {
    std::error_code none;
    const auto size = std::filesystem::file_size(stage.database().string() + "-wal", none);
    largest_log = std::max(largest_log, none ? 0 : size);
  };
  for (std::int64_t i = 0; !beforehand && i < options.scripts; ++i) {
    queue.insert(job);
    look();
    std::this_thread::sleep_for(20ms);
  }
  wait_for("the jobs with long scripts", [&] {
    look();
    return service.counts().ended == options.scripts;
  });
  const Usage used = program.usage() - before;
  program.stop();
  const double all =
      static_cast<double>(options.scripts) * static_cast<double>(options.long_script_bytes);
  const std::string name = what;
  result[name + "_written_per_script_byte"] =
      rounded(static_cast<double>(used.written_bytes) / all);
  result[name + "_largest_log_mb"] = rounded(static_cast<double>(largest_log) / 1e6, 1);
  return rounded(static_cast<double>(used.disk_bytes) / all);
}

nlohmann::json scripts(const Options& options) {
  nlohmann::json result = {{"jobs", options.scripts},
                           {"long_script_bytes", options.long_script_bytes}};
  result["beforehand_disk_per_script_byte"] =
      script_bytes_written(options, true, "beforehand", result);
  result["live_disk_per_script_byte"] = script_bytes_written(options, false, "live", result);
  return result;
}

nlohmann::json measure(const Options& options) {
  const std::map<std::string, nlohmann::json (*)(const Options&)> cases = {{"small", small},
                                                                           {"large", large},
                                                                           {"future", future},
                                                                           {"start", start},
                                                                           {"scripts", scripts}};
  nlohmann::json result = cases.at(options.what)(options);
  result["bench"] = "scale";
  result["case"] = options.what;
  result["texts"] = options.mixture.texts;
  result["files"] = options.mixture.files;
  return result;
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"What a job costs when there is much of everything", "scale"};
  options.add_to(cli);
  options.mixture.add_to(cli);
  cli.add_option("case", options.what, "small, large, future, start or scripts")
      ->required()
      ->check(CLI::IsMember({"small", "large", "future", "start", "scripts"}));
  cli.add_option("--waves", options.waves, "of 1,000 jobs; the first is not counted")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  cli.add_option("--queued", options.queued)->capture_default_str();
  cli.add_option("--ended", options.ended)->capture_default_str();
  cli.add_option("--lines", options.lines)->capture_default_str();
  cli.add_option("--future", options.future)->capture_default_str();
  cli.add_option("--running", options.running)->capture_default_str();
  cli.add_option("--scripts", options.scripts)->capture_default_str();
  cli.add_option("--long-script-bytes", options.long_script_bytes)->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
