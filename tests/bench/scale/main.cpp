// scale: what a job costs when much is queued and much lies behind; one case a run.
//   small     1,000 queued, nothing behind: what the others are measured by
//   large     --queued rows queued, --ended jobs and --lines log rows behind
//   future    as small, with --future jobs of high priority in front that are not due for a day
//   start     how long a start takes with --running tasks
//   scripts   bytes written for jobs with a script of --script-bytes, INSERTed while it runs
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/running_tasks.h"

#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

/// Jobs at a time; the small queue is filled again when they have ended, the large one has them.
constexpr std::int64_t wave = 1'000;

struct Options : CommonOptions {
  std::string what;
  std::int64_t waves = 12;
  std::int64_t queued = 100'000;
  std::int64_t ended = 100'000;
  std::int64_t lines = 1'000'000;
  std::int64_t future = 100'000;
  std::int64_t running = 10'000;
  std::int64_t scripts = 100;
  std::size_t script_bytes = 256 * 1024;
};

DaemonOptions daemon_of(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = wave;
  return daemon;
}

/// Waits until the daemon has nothing to do that is not due to new rows: it has used no processor
/// time to speak of for a second.
void wait_until_settled(Process& daemon) {
  auto last = daemon.usage().cpu;
  wait_for(
      "the daemon to settle",
      [&] {
        const auto now = daemon.usage().cpu;
        return now - std::exchange(last, now) < 2ms;
      },
      1s);
}

void add_jobs(QueueFile& queue, std::int64_t count) {
  Jobs jobs;
  jobs.count = count;
  queue.insert(jobs);
}

/// Work is counted in requests, two a job: jobs that are half done count for half.
nlohmann::json run_waves(const Options& options, Stage& stage, QueueFile& queue, bool refill) {
  const auto ended = [&] { return queue.ended(); };
  const std::int64_t behind = ended();
  if (refill)
    add_jobs(queue, wave);
  wait_for(
      "the first wave", [&] { return ended() >= behind + wave; }, 2ms);
  const Usage before = stage.daemon().usage();
  const std::int64_t requests_before = queue.requests();
  const std::int64_t begin = monotonic_ns();
  for (std::int64_t i = 2; i <= options.waves; ++i) {
    if (refill)
      add_jobs(queue, wave);
    wait_for(
        "a wave", [&] { return ended() >= behind + i * wave; }, 2ms);
  }
  const double seconds = static_cast<double>(monotonic_ns() - begin) / 1e9;
  const Usage used = stage.daemon().usage() - before;
  const double jobs = static_cast<double>(queue.requests() - requests_before) / 2;
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
  stage.start_daemon(service.base_url());
  QueueFile queue(stage.database());
  nlohmann::json result = run_waves(options, stage, queue, true);
  stage.stop_daemon();
  return result;
}

nlohmann::json large(const Options& options) {
  Stage stage(options.folder, daemon_of(options));
  Service service(stage.folder());
  {
    QueueFile queue(stage.database());
    add_ended_jobs(queue, options.ended, options.ended > 0 ? options.lines / options.ended : 0);
    add_jobs(queue, options.queued);
  }
  stage.start_daemon(service.base_url());
  QueueFile queue(stage.database());
  nlohmann::json result = run_waves(options, stage, queue, false);
  stage.stop_daemon();
  result["queued"] = options.queued;
  result["ended"] = options.ended;
  result["lines"] = options.lines;
  result["start_ms"] = rounded(static_cast<double>(stage.start_time().count()) / 1e6, 1);
  return result;
}

nlohmann::json future(const Options& options) {
  Stage stage(options.folder, daemon_of(options));
  Service service(stage.folder());
  QueueFile queue(stage.database());
  Jobs later;
  later.count = options.future;
  later.priority = -10;
  later.first_run_at_s = 24 * 3600;
  queue.insert(later);
  stage.start_daemon(service.base_url());
  const std::int64_t begin = monotonic_ns();
  add_jobs(queue, 1);
  wait_for(
      "the job behind them", [&] { return queue.requests() > 0; }, 1ms);
  const double first_ms = static_cast<double>(monotonic_ns() - begin) / 1e6;
  wait_until_settled(stage.daemon());
  const auto settling = stage.daemon().usage().cpu;
  wait_for("its end", [&] { return queue.ended() == 1; });
  nlohmann::json result = run_waves(options, stage, queue, true);
  stage.stop_daemon();
  result["future"] = options.future;
  result["first_job_after_ms"] = rounded(first_ms, 1);
  result["settling_cpu_ms"] =
      rounded(std::chrono::duration<double, std::milli>(settling).count(), 1);
  return result;
}

nlohmann::json start(const Options& options) {
  Stage stage(options.folder, daemon_of(options));
  Service service(stage.folder());
  {
    QueueFile queue(stage.database());
    add_running_tasks(queue, options.running, 6h);
  }
  stage.start_daemon(service.base_url());
  const Usage usage = stage.daemon().usage();
  stage.stop_daemon();
  return {{"running", options.running},
          {"start_ms", rounded(static_cast<double>(stage.start_time().count()) / 1e6, 1)},
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
  job.script_bytes = options.script_bytes;
  if (beforehand)
    QueueFile(stage.database()).insert(job);
  stage.start_daemon(service.base_url());
  QueueFile queue(stage.database());
  // The daemon takes the log into the database; a writer that did would hide what that costs.
  queue.connection().exec("PRAGMA wal_autocheckpoint = 0");
  if (!beforehand)
    std::this_thread::sleep_for(1s);
  const Usage before = beforehand ? Usage{} : stage.daemon().usage();
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
    return queue.ended() == options.scripts;
  });
  const Usage used = stage.daemon().usage() - before;
  stage.stop_daemon();
  const double all =
      static_cast<double>(options.scripts) * static_cast<double>(options.script_bytes);
  const std::string name = what;
  result[name + "_written_per_script_byte"] =
      rounded(static_cast<double>(used.written_bytes) / all);
  result[name + "_largest_log_mb"] = rounded(static_cast<double>(largest_log) / 1e6, 1);
  return rounded(static_cast<double>(used.disk_bytes) / all);
}

nlohmann::json scripts(const Options& options) {
  nlohmann::json result = {{"jobs", options.scripts}, {"script_bytes", options.script_bytes}};
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
  return result;
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"What a job costs when there is much of everything", "scale"};
  options.add_to(cli);
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
  cli.add_option("--script-bytes", options.script_bytes)->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
