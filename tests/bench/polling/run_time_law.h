// The distributions that the traces' run times were drawn from.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>

namespace kdq::bench {

/// One script's law: `kind` and parameters as in the traces' scripts.csv; from `changes_at` on
/// every run takes `factor` times as long.
struct RunTimeLaw {
  std::string kind;
  std::array<double, 5> parameter{};
  double changes_at_seconds = 1e18;
  double factor = 1;

  /// The probability that a run lasts at most `seconds`, before the change.
  double cdf(double seconds) const;
};

/// By script. Throws std::runtime_error if the file cannot be read.
std::map<std::string, RunTimeLaw> read_laws(const std::filesystem::path& file);

} // namespace kdq::bench
