// Measures the polling policy on recorded days, beside blind intervals tuned with hindsight.
#include "tests/bench/polling/known_optimum.h"
#include "tests/bench/polling/report.h"

#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>

int main(int argc, char** argv) {
  CLI::App app("Simulates the polling policy over traces of two days");
  std::string directory;
  std::string json;
  std::string only;
  bool with_rivals = true;
  app.add_option("traces", directory, "Directory of NAME.csv, NAME.meta and bounds.jsonl")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--json", json, "Write the numbers to this file too");
  app.add_option("--only", only, "Only traces whose name contains this");
  app.add_flag("--rivals,!--no-rivals", with_rivals,
               "Tune and run fixed intervals and backoff beside it");
  bool with_optimum = true;
  app.add_flag("--optimum,!--no-optimum", with_optimum,
               "Compute the known-distribution optimum where bounds.jsonl has none (slow)");
  bool with_admission = true;
  app.add_flag("--admission,!--no-admission", with_admission,
               "Run it with admission as well as with starts at arrival");
  CLI11_PARSE(app, argc, argv);

  using namespace kdq::bench;
  try {
    std::vector<Measured> all;
    for (Trace& trace : read_traces(directory)) {
      if (trace.name.find(only) == std::string::npos)
        continue;
      if (with_optimum && trace.optimum[1] <= 0)
        trace.optimum = known_optimum(trace, directory);
      CountingLedger ledger(trace.status_quota);
      CountingLedger admission_ledger(trace.status_quota);
      Measured measured{trace,
                        run_price(trace, ledger, false),
                        with_admission ? run_price(trace, admission_ledger, true) : Result{},
                        {}};
      if (with_rivals)
        for (const auto& [name, policy] :
             {std::pair{"best backoff", best_backoff(trace)},
              std::pair{"best fixed", best_fixed(trace)}, std::pair{"backoff 1s x2", Backoff{}}})
          measured.rivals.push_back({name, policy, run_backoff(trace, policy)});
      all.push_back(std::move(measured));
    }
    print_table(std::cout, all);
    if (!json.empty()) {
      std::ofstream out(json);
      print_json(out, all);
      if (!out.flush())
        throw std::runtime_error("cannot write " + json);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
