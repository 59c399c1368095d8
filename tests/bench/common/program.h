// What the programs of this folder have in common: their options, their errors, their one line.
#pragma once

#include "tests/bench/common/stage.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <functional>
#include <string>

namespace kdq::bench {

struct CommonOptions {
  std::string daemon;          ///< path of kdocs-queued
  std::string folder = "/tmp"; ///< in which to work; on a local disk

  void add_to(CLI::App& cli) {
    cli.add_option("--daemon", daemon, "path of kdocs-queued")->required();
    cli.add_option("--folder", folder, "where to work; on a local disk")->capture_default_str();
  }
};

/// Parses, runs, prints the result as one line of JSON. For main().
inline int run_benchmark(CLI::App& cli, int argc, char** argv,
                         const std::function<nlohmann::json()>& measure) {
  CLI11_PARSE(cli, argc, argv);
  try {
    std::printf("%s\n", measure().dump().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", cli.get_name().c_str(), error.what());
    return 1;
  }
}

/// More digits than this mean nothing, and nobody wants to read them.
inline double rounded(double value, int decimals = 2) {
  const double scale = std::pow(10.0, decimals);
  return std::round(value * scale) / scale;
}

} // namespace kdq::bench
