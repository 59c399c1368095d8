// idle: what the daemon costs while there is nothing to do: with an empty queue, or with many tasks
// that are known to run long and were asked a moment ago.
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/running_tasks.h"

#include <algorithm>
#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

struct Options : CommonOptions {
  std::int64_t running = 0;
  int seconds = 60;
};

nlohmann::json measure(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = 20'000;
  // A few questions a task and day: with more it would be right to ask soon, the later in the day
  // the sooner.
  daemon.submit_quota = 100'000;
  daemon.status_quota = std::max<std::int64_t>(10'000, 5 * options.running);
  Stage stage(options.folder, daemon);
  Service service(stage.folder());
  if (options.running > 0) {
    Jobs tasks;
    tasks.count = options.running;
    add_running_tasks(stage, tasks, 6h);
  }
  Daemon program(stage, service.base_url());
  std::this_thread::sleep_for(3s);
  const Usage before = program.usage();
  const std::int64_t begin = monotonic_ns();
  std::this_thread::sleep_for(std::chrono::seconds(options.seconds));
  const Usage used = program.usage() - before;
  const double seconds = static_cast<double>(monotonic_ns() - begin) / 1e9;
  program.stop();
  const auto counts = service.stop().counts;
  return {
      {"bench", "idle"},
      {"running", options.running},
      {"seconds", options.seconds},
      {"cpu_percent", rounded(100 * std::chrono::duration<double>(used.cpu).count() / seconds, 4)},
      {"wakeups_per_s", rounded(static_cast<double>(used.wakeups) / seconds)},
      {"disk_bytes", used.disk_bytes},
      {"written_bytes", used.written_bytes},
      {"polls_since_start", counts.polls},
      {"peak_memory_mb", rounded(static_cast<double>(used.peak_memory_bytes) / 1e6, 1)}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"What it costs while there is nothing to do", "idle"};
  options.add_to(cli);
  cli.add_option("--running", options.running, "tasks whose next poll is far away")
      ->check(CLI::NonNegativeNumber);
  cli.add_option("--seconds", options.seconds)->check(CLI::PositiveNumber)->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
