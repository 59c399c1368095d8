// holds: how long the daemon holds SQLite's write lock, that is, how long nobody else can write:
// all its transactions from its start to its end, as seen by a library that is loaded into it.
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/statistics.h"

#include <algorithm>
#include <fstream>
#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

struct Options : CommonOptions {
  std::string load = "steady";
  std::int64_t jobs = 1'000;
  std::int64_t rows = 5'000;
  std::size_t max_running = 10'000;
};

constexpr auto pause_of_idle = 250ms;    ///< between two INSERTs
constexpr double steady_jobs_per_s = 16; ///< a job takes four commits
constexpr double steady_begins_s = 2;    ///< what waits with a run_at is first set aside
constexpr std::int64_t long_hold_ns = 1'000'000;

/// The work that waits when the daemon starts.
Jobs beforehand(const Options& options) {
  Jobs jobs;
  if (options.load == "drain" || options.load == "steady")
    jobs.count = options.jobs;
  if (options.load == "steady") {
    jobs.first_run_at_s = steady_begins_s;
    jobs.run_at_step_s = 1 / steady_jobs_per_s;
  }
  return jobs;
}

void wait_for_ends(const Service& service, std::int64_t jobs) {
  wait_for(
      "the jobs to end", [&] { return service.counts().ended >= jobs; }, 20ms);
}

/// The work that comes while the daemon runs; returns when all has ended.
void work(const Options& options, const Service& service, QueueFile& queue) {
  if (options.load == "idle")
    for (std::int64_t i = 0; i < options.jobs; ++i) {
      queue.insert_one(i);
      std::this_thread::sleep_for(pause_of_idle);
    }
  if (options.load == "burst")
    for (std::int64_t done = 0; done < options.jobs;) {
      Jobs burst;
      burst.count = std::min(options.rows, options.jobs - done);
      queue.insert(burst);
      done += burst.count;
      wait_for_ends(service, done);
    }
  wait_for_ends(service, options.jobs);
}

std::vector<double> holds_ns(const std::filesystem::path& file) {
  std::vector<double> holds;
  std::ifstream in(file);
  for (double hold = 0; in >> hold;)
    holds.push_back(hold);
  if (holds.empty())
    throw std::runtime_error("no lock was seen: SQLite does not lock with the C library's fcntl, "
                             "or there were too many locks");
  return holds;
}

nlohmann::json measure(const Options& options) {
  const WorkFolder seen(options.folder);
  const std::filesystem::path file = seen.path() / "holds";
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = options.max_running;
  daemon.environment = {"LD_PRELOAD=" + (own_folder() / "lock_holds.so").string(),
                        "KDQ_LOCK_HOLDS_FILE=" + file.string()};
  Stage stage(options.folder, daemon);
  Service service(stage.folder());
  {
    QueueFile queue(stage.database());
    queue.insert(beforehand(options));
  } // the last connection takes the log into the database
  const std::int64_t begin = monotonic_ns();
  Daemon program(stage, service.base_url());
  QueueFile queue(stage.database());
  work(options, service, queue);
  const double seconds = static_cast<double>(monotonic_ns() - begin) / 1e9;
  program.stop();

  const std::vector<double> holds = holds_ns(file);
  const auto count = static_cast<double>(holds.size());
  const auto longer = static_cast<double>(
      std::count_if(holds.begin(), holds.end(), [](double ns) { return ns > long_hold_ns; }));
  return {{"bench", "holds"},
          {"load", options.load},
          {"jobs", options.jobs},
          {"holds", holds.size()},
          {"holds_per_s", rounded(count / seconds, 1)},
          {"p50_us", rounded(percentile(holds, 0.5) / 1e3, 1)},
          {"p99_us", rounded(percentile(holds, 0.99) / 1e3, 1)},
          {"max_us", rounded(percentile(holds, 1) / 1e3, 1)},
          {"over_1_ms_percent", rounded(100 * longer / count, 3)}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"How long the daemon holds the write lock", "holds"};
  options.add_to(cli);
  cli.add_option("--load", options.load,
                 "idle: INSERTs of one job, far apart; steady: 16 jobs a second; drain: all wait; "
                 "burst: --rows at once, and again when they have ended")
      ->check(CLI::IsMember({"idle", "steady", "drain", "burst"}))
      ->capture_default_str();
  cli.add_option("--jobs", options.jobs, "in all")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--rows", options.rows)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--max-running", options.max_running)->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
