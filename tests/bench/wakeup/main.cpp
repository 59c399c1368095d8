// wakeup: from an INSERT by another process to the arrival of its POST at the service. The writer
// has a connection of its own with FULL sync, as Debian's sqlite3 has.
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/statistics.h"

#include <map>
#include <random>
#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

struct Options : CommonOptions {
  int inserts = 300;
  double load_per_s = 0;
  bool reference = false;
};

/// Jobs that become due one after the other, so that the load needs no second writer; they are put
/// aside before the measurement begins.
constexpr double load_begins_s = 12;
constexpr double pause_s = 0.06; ///< the mean between two INSERTs

struct Write {
  std::int64_t before_ns;
  std::int64_t after_ns;
};

void prepare_load(QueueFile& queue, const Options& options) {
  Jobs load;
  load.count = static_cast<std::int64_t>(
      options.load_per_s * (2 + static_cast<double>(options.inserts) * pause_s * 1.2));
  load.marker = 1'000'000;
  load.first_run_at_s = load_begins_s;
  load.run_at_step_s = 1 / options.load_per_s;
  queue.insert(load);
}

nlohmann::json latencies(const std::vector<double>& before, const std::vector<double>& after) {
  return {{"from_before_p50_ms", rounded(percentile(before, 0.5), 3)},
          {"from_before_p99_ms", rounded(percentile(before, 0.99), 3)},
          {"from_return_p50_ms", rounded(percentile(after, 0.5), 3)},
          {"from_return_p99_ms", rounded(percentile(after, 0.99), 3)}};
}

/// INSERTs at moments that nothing else can be in step with; the POST's marker is the index.
std::vector<Write> write(QueueFile& queue, int inserts) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> pause(pause_s / 2, pause_s * 3 / 2);
  std::vector<Write> writes;
  for (int i = 0; i < inserts; ++i) {
    std::this_thread::sleep_for(std::chrono::duration<double>(pause(random)));
    const std::int64_t before = monotonic_ns();
    queue.insert_one(i);
    writes.push_back({before, monotonic_ns()});
  }
  return writes;
}

nlohmann::json evaluate(const std::vector<Write>& writes, const Service::Record& record) {
  std::vector<double> from_before;
  std::vector<double> from_return;
  for (const Service::Arrival& arrival : record.arrivals) {
    if (!arrival.start || static_cast<std::size_t>(arrival.marker) >= writes.size())
      continue;
    const Write& write = writes[static_cast<std::size_t>(arrival.marker)];
    from_before.push_back(static_cast<double>(arrival.at_ns - write.before_ns) / 1e6);
    from_return.push_back(static_cast<double>(arrival.at_ns - write.after_ns) / 1e6);
  }
  if (from_before.size() != writes.size())
    throw std::runtime_error("not every job was started");
  return latencies(from_before, from_return);
}

nlohmann::json measure_reference(const Options& options) {
  Stage stage(options.folder, {options.daemon});
  ServiceOptions rules;
  rules.record = true;
  Service service(stage.folder(), rules);
  QueueFile queue(stage.database());
  Process limit({(own_folder() / "limit_wakeup").string(), "--database", stage.database().string(),
                 "--base-url", service.base_url()},
                stage.folder() / "limit.log");
  std::this_thread::sleep_for(1s);
  const std::vector<Write> writes = write(queue, options.inserts);
  std::this_thread::sleep_for(500ms);
  limit.stop();
  nlohmann::json result = evaluate(writes, service.stop());
  result["bench"] = "limit_wakeup";
  result["inserts"] = options.inserts;
  return result;
}

nlohmann::json measure(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = 20'000;
  Stage stage(options.folder, daemon);
  ServiceOptions rules;
  rules.record = true;
  Service service(stage.folder(), rules);
  QueueFile queue(stage.database());
  const std::int64_t prepared = monotonic_ns();
  if (options.load_per_s > 0)
    prepare_load(queue, options);
  Daemon program(stage, service.base_url());
  const auto settled =
      std::chrono::duration<double>(options.load_per_s > 0 ? load_begins_s + 1 : 1);
  std::this_thread::sleep_for(settled - std::chrono::nanoseconds(monotonic_ns() - prepared));

  const std::int64_t begin = monotonic_ns();
  const std::int64_t requests_before = service.counts().requests();
  const std::vector<Write> writes = write(queue, options.inserts);
  const double seconds = static_cast<double>(monotonic_ns() - begin) / 1e9;
  const auto requests = static_cast<double>(service.counts().requests() - requests_before);
  std::this_thread::sleep_for(500ms);
  program.stop();
  nlohmann::json result = evaluate(writes, service.stop());
  result["bench"] = "wakeup";
  result["beside_jobs_per_s"] = options.load_per_s;
  result["inserts"] = options.inserts;
  result["requests_per_s"] = rounded(requests / seconds, 1);
  return result;
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"From an INSERT to its POST", "wakeup"};
  options.add_to(cli);
  cli.add_option("--inserts", options.inserts)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--load", options.load_per_s, "other jobs that start per second")
      ->check(CLI::NonNegativeNumber);
  cli.add_flag("--reference", options.reference, "measure limit_wakeup instead of the daemon");
  return run_benchmark(cli, argc, argv, [&] {
    return options.reference ? measure_reference(options) : measure(options);
  });
}
