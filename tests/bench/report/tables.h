// From the lines of all runs to tables for people and one JSON document.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace kdq::bench {

/// The medians over all runs of one program with one set of arguments.
struct Measured {
  std::string name; ///< such as "scale large"
  std::size_t runs = 0;
  nlohmann::json values; ///< numbers by name; what is no number is the first run's
};

/// One Measured for each program and set of arguments, in the order of their first lines.
std::vector<Measured> medians(const std::vector<nlohmann::json>& lines);

/// The tables as Markdown, with ratios to the limit programs of the same runs.
std::string tables(const std::vector<Measured>& all);

} // namespace kdq::bench
