// Measures the polling policy on recorded days, beside blind intervals tuned with hindsight.
#include "tests/bench/polling/known_optimum.h"
#include "tests/bench/polling/report.h"

#include <CLI/CLI.hpp>

#include <atomic>
#include <fstream>
#include <future>
#include <iostream>
#include <thread>

namespace {

using namespace kdq::bench;

struct Options {
  std::string directory;
  std::string json;
  std::string only;
  bool rivals = true;
  bool optimum = true;
  bool admission = true;
};

Measured measure(Trace trace, const Options& options) {
  if (options.optimum && trace.optimum[1] <= 0)
    trace.optimum = known_optimum(trace, options.directory);
  Measured measured;
  measured.runs.push_back({"PRICE", run_price(trace, false), {}});
  if (options.admission)
    measured.runs.push_back({"PRICE, admission", run_price(trace, true), {}});
  if (options.rivals)
    for (const auto& [name, policy] :
         {std::pair{"best backoff", best_backoff(trace)},
          std::pair{"best fixed", best_fixed(trace)}, std::pair{"backoff 1 s x2", Backoff{}}})
      measured.runs.push_back({name, run_backoff(trace, policy), policy});
  measured.trace = std::move(trace);
  return measured;
}

/// One trace a thread; the results are the same with any number of them.
std::vector<Measured> measure_all(std::vector<Trace> traces, const Options& options) {
  std::vector<Measured> all(traces.size());
  std::atomic<std::size_t> next = 0;
  std::vector<std::future<void>> workers;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
    workers.push_back(std::async(std::launch::async, [&] {
      for (std::size_t mine = next++; mine < traces.size(); mine = next++)
        all[mine] = measure(std::move(traces[mine]), options);
    }));
  for (auto& worker : workers)
    worker.get();
  return all;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app("Simulates the polling policy over traces of two days");
  Options options;
  app.add_option("traces", options.directory, "Directory of NAME.csv, NAME.meta and bounds.jsonl")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--json", options.json, "Write the numbers to this file too");
  app.add_option("--only", options.only, "Only traces whose name contains this");
  app.add_flag("--rivals,!--no-rivals", options.rivals,
               "Tune and run fixed intervals and backoff beside it");
  app.add_flag("--optimum,!--no-optimum", options.optimum,
               "Compute the known-distribution optimum where bounds.jsonl has none");
  app.add_flag("--admission,!--no-admission", options.admission,
               "Run it with admission as well as with starts at arrival");
  CLI11_PARSE(app, argc, argv);

  try {
    std::vector<Trace> traces = read_traces(options.directory, options.only);
    if (traces.empty())
      throw std::runtime_error("no such trace in " + options.directory);
    const std::vector<Measured> all = measure_all(std::move(traces), options);
    print_details(std::cout, all);
    std::cout << '\n';
    print_summary(std::cout, all);
    if (!options.json.empty()) {
      std::ofstream out(options.json);
      print_json(out, all);
      if (!out.flush())
        throw std::runtime_error("cannot write " + options.json);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
