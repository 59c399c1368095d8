#include "tests/bench/polling/trace.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace kdq::bench {

namespace {

namespace fs = std::filesystem;

/// The test tier's starts a day, for the one trace that is about using them all; elsewhere starts
/// do not bind and the production tier's number stands.
constexpr std::int64_t test_tier_starts = 500;
constexpr std::int64_t production_tier_starts = 100'000;

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

std::ifstream open(const fs::path& file) {
  std::ifstream in(file);
  if (!in)
    throw std::runtime_error("cannot read " + file.string());
  return in;
}

std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> parts;
  std::stringstream in(line);
  for (std::string part; std::getline(in, part, ',');)
    parts.push_back(part);
  return parts;
}

void read_meta(Trace& trace, const fs::path& file) {
  auto in = open(file);
  double begins = -1;
  double ends = -1;
  for (std::string line; std::getline(in, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos)
      continue;
    const std::string key = line.substr(0, equals);
    const double value = std::stod(line.substr(equals + 1));
    if (key == "quota")
      trace.status_quota = std::llround(value);
    else if (key == "rate")
      trace.requests_per_second = value;
    else if (key == "outage0")
      begins = value;
    else if (key == "outage1")
      ends = value;
  }
  if (begins >= 0)
    trace.outage = Outage{WallTime(milliseconds_of(begins)), WallTime(milliseconds_of(ends))};
}

void read_tasks(Trace& trace, const fs::path& file) {
  auto in = open(file);
  std::string line;
  std::getline(in, line); // the names of the columns
  while (std::getline(in, line)) {
    const auto parts = fields(line);
    if (parts.size() != 4)
      throw std::runtime_error("not four fields in " + file.string() + ": " + line);
    trace.tasks.push_back({std::stoll(parts[0]), WallTime(milliseconds_of(std::stod(parts[1]))),
                           parts[2], milliseconds_of(std::stod(parts[3]))});
  }
  std::stable_sort(trace.tasks.begin(), trace.tasks.end(),
                   [](const auto& a, const auto& b) { return a.arrives < b.arrives; });
}

void read_bounds(std::vector<Trace>& traces, const fs::path& file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto bound = nlohmann::json::parse(line);
    for (Trace& trace : traces)
      if (trace.name == bound.at("workload")) {
        trace.optimum[0] = bound.at("bound2_mean_day0");
        trace.optimum[1] = bound.at("bound2_mean_day1");
      }
  }
}

} // namespace

std::vector<Trace> read_traces(const fs::path& directory, const std::string& only) {
  std::vector<Trace> traces;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() != ".meta")
      continue;
    Trace trace;
    trace.name = entry.path().stem().string();
    if (trace.name.find(only) == std::string::npos)
      continue;
    trace.submit_quota =
        trace.name.find("testapp") == std::string::npos ? production_tier_starts : test_tier_starts;
    read_meta(trace, entry.path());
    read_tasks(trace, fs::path(entry.path()).replace_extension(".csv"));
    traces.push_back(std::move(trace));
  }
  std::sort(traces.begin(), traces.end(),
            [](const Trace& a, const Trace& b) { return a.name < b.name; });
  read_bounds(traces, directory / "bounds.jsonl");
  return traces;
}

} // namespace kdq::bench
