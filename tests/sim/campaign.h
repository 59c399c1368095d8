// Runs by the hundred: sweeps over every point of a run, random runs, totals, and how to replay
// one.
#pragma once

#include "tests/sim/fault_vfs.h"
#include "tests/sim/invariants.h"
#include "tests/sim/plan.h"
#include "tests/sim/trace.h"
#include "tests/support/temp_dir.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdq::sim {

enum class Mode {
  kill,    ///< a small run is killed at each of its points, once a point
  power,   ///< the same with the power cut: what was not synced may be gone
  ioerr,   ///< each read, write, sync of a small run fails, once or until repaired
  random,  ///< one long run with a few deaths at random points
  days,    ///< two quota days of a test app, with some deaths at random points
  restore, ///< long runs in which backups are restored under the daemon, with some deaths
  pauses,  ///< long runs with rate limits and many deaths
  month,   ///< a month of tokens that end, with backups, a restore and some deaths
  apps     ///< long runs with two apps of which one's service hangs, with some deaths
};
std::string_view to_text(Mode mode);
std::optional<Mode> mode_of(std::string_view text);

struct Totals {
  std::size_t runs = 0;
  std::size_t points = 0; ///< runs with a death or a failure at a chosen point
  std::size_t deaths = 0;
  std::size_t exits = 0;
  std::size_t restores = 0;
  std::size_t renewals = 0; ///< of tokens
  std::size_t consents = 0; ///< of a person, the first of a run aside
  std::size_t waits = 0;    ///< times that the service asked to wait
  std::size_t faults = 0;
  std::size_t scripts_run = 0;
  std::size_t lines_handed_out = 0;
  std::size_t lines_stored = 0;
  std::size_t lines_in_gaps = 0;
  std::size_t lines_deleted = 0;
  std::size_t duplicates = 0;
  std::size_t lost = 0;
  std::size_t run_twice = 0;
};
std::string to_text(const Totals& totals);

/// A run that broke a rule.
struct Failure {
  std::uint64_t seed = 0;
  Mode mode = Mode::random;
  std::optional<std::uint64_t> step; ///< none: the run without a death or failure
  std::vector<std::string> violations;
  /// The command line that plays this run again.
  std::string replay() const;
};

class Campaign {
public:
  explicit Campaign(bool verbose);

  /// All runs of a seed in a mode; calls `on_failure` for each that breaks a rule, which says
  /// whether to go on. `most_points` bounds a sweep: then it takes points evenly spread.
  bool run(std::uint64_t seed, Mode mode, std::size_t most_points,
           const std::function<bool(const Failure&)>& on_failure);
  /// One run.
  std::optional<Failure> run_one(std::uint64_t seed, Mode mode, std::optional<std::uint64_t> step);

  const Totals& totals() const { return totals_; }

private:
  std::vector<std::uint64_t> steps_of(std::uint64_t seed, Mode mode) const;
  void plan_trouble(World& world, Mode mode, std::uint64_t seed, std::optional<std::uint64_t> step);
  void add(World& world, const Findings& findings);
  std::filesystem::path prepare();

  test::TempDir folder_;
  Trace trace_;
  FaultVfs vfs_;
  std::filesystem::path prepared_;
  Totals totals_;
};

} // namespace kdq::sim
