#include "tests/bench/polling/run_time_law.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace kdq::bench {

namespace {

// Draws outside of these are drawn again by the generator.
constexpr double shortest_seconds = 0.2;
constexpr double longest_seconds = 21600;
constexpr double normal_cut_deviations = 4;

double normal_cdf(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

double log_normal_cdf(double seconds, double mu, double sigma) {
  return seconds <= 0 ? 0 : normal_cdf((std::log(seconds) - mu) / sigma);
}

double untruncated(const std::string& kind, const std::array<double, 5>& p, double t) {
  if (kind == "LN")
    return log_normal_cdf(t, p[0], p[1]);
  if (kind == "EXP")
    return t <= 0.2 ? 0 : 1 - std::exp(-(t - 0.2) / p[0]);
  if (kind == "UNI")
    return std::clamp((t - p[0]) / (p[1] - p[0]), 0.0, 1.0);
  if (kind == "PAR")
    return t <= p[0] ? 0 : 1 - std::pow(p[0] / t, p[1]);
  if (kind == "DET") {
    const double cut = normal_cdf(-normal_cut_deviations);
    return std::clamp((normal_cdf((t - p[0]) / p[1]) - cut) / (1 - 2 * cut), 0.0, 1.0);
  }
  if (kind == "BIM")
    return p[0] * log_normal_cdf(t, p[1], p[2]) + (1 - p[0]) * log_normal_cdf(t, p[3], p[4]);
  throw std::runtime_error("unknown distribution " + kind);
}

} // namespace

double RunTimeLaw::cdf(double seconds) const {
  const double low = untruncated(kind, parameter, shortest_seconds);
  const double high = untruncated(kind, parameter, longest_seconds);
  return std::clamp((untruncated(kind, parameter, seconds) - low) / (high - low), 0.0, 1.0);
}

std::map<std::string, RunTimeLaw> read_laws(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in)
    throw std::runtime_error("cannot read " + file.string());
  std::map<std::string, RunTimeLaw> laws;
  std::string line;
  std::getline(in, line); // the names of the columns
  while (std::getline(in, line)) {
    std::vector<std::string> fields;
    std::stringstream parts(line);
    for (std::string field; std::getline(parts, field, ',');)
      fields.push_back(field);
    fields.resize(9);
    RunTimeLaw law;
    law.kind = fields[1];
    for (std::size_t i = 0; i < law.parameter.size(); ++i)
      law.parameter[i] = fields[i + 2].empty() ? 0 : std::stod(fields[i + 2]);
    if (!fields[7].empty()) {
      law.changes_at_seconds = std::stod(fields[7]);
      law.factor = std::stod(fields[8]);
    }
    laws.emplace(fields[0], law);
  }
  return laws;
}

} // namespace kdq::bench
