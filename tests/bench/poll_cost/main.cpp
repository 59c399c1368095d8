// poll_cost: what a poll of a running task costs that brings no news: no line, no end. Many tasks
// run, started a moment before by a former run; with a quota that makes a request almost worthless
// the daemon asks them as fast as it can (or at --requests-per-second, where fewer polls share a
// transaction). How many polls there were the service counts.
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/running_tasks.h"

#include <filesystem>
#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

struct Options : CommonOptions {
  std::int64_t tasks = 2'000;
  std::int64_t polls = 50'000;
  double requests_per_second = 0;
  int patience_s = 20;
};

/// What there is of the database, as a reader sees it: the log is part of it.
struct Size {
  double pages_bytes = 0;
  std::uintmax_t log_bytes = 0;
};

Size size_of(QueueFile& queue, const Stage& stage) {
  std::error_code none;
  const auto log = std::filesystem::file_size(stage.database().string() + "-wal", none);
  return {queue.number("PRAGMA page_count") * queue.number("PRAGMA page_size"), none ? 0 : log};
}

nlohmann::json measure(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = static_cast<std::size_t>(options.tasks);
  daemon.requests_per_second = options.requests_per_second;
  const Stage stage(options.folder, daemon);
  Jobs tasks;
  tasks.count = options.tasks;
  add_running_tasks(stage, tasks, 10s);
  Service service(stage.folder());
  QueueFile queue(stage.database());
  Daemon program(stage, service.base_url());
  std::this_thread::sleep_for(1s); // what a start costs is over

  const Size size_before = size_of(queue, stage);
  const Usage before = program.usage();
  const std::int64_t polls_before = service.counts().polls;
  const std::int64_t begin = monotonic_ns();
  const auto seconds = [&] { return static_cast<double>(monotonic_ns() - begin) / 1e9; };
  while (service.counts().polls - polls_before < options.polls && seconds() < options.patience_s)
    std::this_thread::sleep_for(10ms);
  const auto polls = static_cast<double>(service.counts().polls - polls_before);
  const Usage used = program.usage() - before;
  const double took_s = seconds();
  const Size size = size_of(queue, stage);
  program.stop();
  const auto counts = service.stop().counts;
  if (polls <= 0 || counts.starts != 0 || counts.bad != 0)
    throw std::runtime_error("the tasks were not asked as they should be");
  return {{"bench", "poll_cost"},
          {"tasks", options.tasks},
          {"requests_per_second", options.requests_per_second},
          {"polls", polls},
          {"polls_per_s", rounded(polls / took_s, 0)},
          {"cpu_us_per_poll",
           rounded(std::chrono::duration<double, std::micro>(used.cpu).count() / polls, 1)},
          {"disk_bytes_per_poll", rounded(static_cast<double>(used.disk_bytes) / polls, 0)},
          {"written_bytes_per_poll", rounded(static_cast<double>(used.written_bytes) / polls, 0)},
          {"database_growth_per_poll",
           rounded((size.pages_bytes - size_before.pages_bytes) / polls, 1)},
          {"log_mb", rounded(static_cast<double>(size.log_bytes) / 1e6, 1)},
          {"peak_memory_mb", rounded(static_cast<double>(used.peak_memory_bytes) / 1e6, 1)}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"What a poll without news costs", "poll_cost"};
  options.add_to(cli);
  cli.add_option("--tasks", options.tasks)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--polls", options.polls, "how many to measure")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--requests-per-second", options.requests_per_second, "0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  cli.add_option("--patience", options.patience_s, "seconds after which fewer polls will do")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
