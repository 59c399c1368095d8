// bench_report: prints the tables of a file with a line of JSON for each run, and writes one JSON
// document with the medians and all runs.
#include "tests/bench/common/process.h"
#include "tests/bench/report/tables.h"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <thread>

namespace {

using namespace kdq::bench;

std::string processor() {
  const std::string info = read_text("/proc/cpuinfo");
  const std::size_t name = info.find("model name");
  const std::size_t begin = info.find(": ", name);
  if (name == std::string::npos || begin == std::string::npos)
    return "unknown";
  return info.substr(begin + 2, info.find('\n', begin) - begin - 2);
}

} // namespace

int main(int argc, char** argv) {
  std::string lines_file;
  std::string json_file;
  CLI::App cli{"Tables of the benchmarks' results", "bench_report"};
  cli.add_option("lines", lines_file, "a line of JSON for each run")->required();
  cli.add_option("--json", json_file, "where to write all as one document");
  CLI11_PARSE(cli, argc, argv);
  try {
    std::vector<nlohmann::json> lines;
    std::ifstream in(lines_file);
    for (std::string line; std::getline(in, line);)
      if (!line.empty())
        lines.push_back(nlohmann::json::parse(line));
    const std::vector<Measured> all = medians(lines);
    std::printf("%s", tables(all).c_str());
    nlohmann::json document = {
        {"machine", {{"processor", processor()}, {"threads", std::thread::hardware_concurrency()}}},
        {"medians", nlohmann::json::object()},
        {"runs", lines}};
    for (const Measured& measured : all) {
      document["medians"][measured.name] = measured.values;
      document["medians"][measured.name]["runs"] = measured.runs;
    }
    if (!json_file.empty())
      std::ofstream(json_file) << document.dump(2) << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_report: %s\n", error.what());
    return 1;
  }
}
