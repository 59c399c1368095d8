// The simulation as a program: any number of seeds, and one run again.
#include "tests/sim/campaign.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <iostream>
#include <limits>

namespace {

using namespace kdq::sim;

struct Wanted {
  std::uint64_t first = 0;
  std::uint64_t last = 0; ///< one past the last seed
  std::vector<Mode> modes;
  std::optional<std::uint64_t> step;
  std::size_t most_points = std::numeric_limits<std::size_t>::max();
  bool verbose = false;
  bool keep_going = false;
};

/// "A..B" means A to B - 1.
bool read_range(const std::string& text, Wanted& wanted) {
  const auto dots = text.find("..");
  const auto number = [&](std::size_t from, std::size_t to, std::uint64_t& value) {
    const char* end = text.data() + to;
    return std::from_chars(text.data() + from, end, value).ptr == end && from < to;
  };
  return dots != std::string::npos && number(0, dots, wanted.first) &&
         number(dots + 2, text.size(), wanted.last) && wanted.first < wanted.last;
}

void print(const Failure& failure) {
  std::cout << "FAILED: seed " << failure.seed << ", mode " << to_text(failure.mode) << ", step "
            << (failure.step ? std::to_string(*failure.step) : "none") << '\n';
  for (const std::string& violation : failure.violations)
    std::cout << "  " << violation << '\n';
  std::cout << "  replay: " << failure.replay() << std::endl;
}

int simulate(const Wanted& wanted) {
  Campaign campaign(wanted.verbose);
  std::size_t failures = 0;
  const auto on_failure = [&](const Failure& failure) {
    print(failure);
    return ++failures < 20 && wanted.keep_going;
  };
  bool goes_on = true;
  for (std::uint64_t seed = wanted.first; seed < wanted.last && goes_on; ++seed)
    for (const Mode mode : wanted.modes) {
      if (!goes_on)
        break;
      if (wanted.step || wanted.verbose) {
        const auto failure = campaign.run_one(seed, mode, wanted.step);
        goes_on = !failure || on_failure(*failure);
      } else {
        goes_on = campaign.run(seed, mode, wanted.most_points, on_failure);
      }
    }
  std::cout << "seeds: " << wanted.last - wanted.first << '\n' << to_text(campaign.totals());
  return failures == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  std::string seeds = "0..10";
  std::string mode = "all";
  std::optional<std::uint64_t> seed;
  CLI::App app("Plays seeded days of the queue with faults and deaths, and checks the promises.");
  app.add_option("--seeds", seeds, "A..B: seeds A to B - 1");
  app.add_option("--seed", seed, "one seed");
  app.add_option("--mode", mode,
                 "kill, power, ioerr, random, days, restore, pauses, month, apps or all")
      ->check(CLI::IsMember({"kill", "power", "ioerr", "random", "days", "restore", "pauses",
                             "month", "apps", "all"}));
  app.add_option("--step", wanted.step, "only the run with the death or failure at this step");
  app.add_option("--points", wanted.most_points, "at most so many points of each sweep");
  app.add_flag("--verbose", wanted.verbose,
               "tell the story of one run: the one with --step, or the one without trouble");
  app.add_flag("--keep-going", wanted.keep_going, "do not stop at the first failure");
  CLI11_PARSE(app, argc, argv);
  if (seed) {
    wanted.first = *seed;
    wanted.last = *seed + 1;
  } else if (!read_range(seeds, wanted)) {
    std::cerr << "--seeds wants A..B with A < B\n";
    return 2;
  }
  if (mode == "all")
    wanted.modes = {Mode::kill,    Mode::power,  Mode::ioerr, Mode::random, Mode::days,
                    Mode::restore, Mode::pauses, Mode::month, Mode::apps};
  else
    wanted.modes = {*mode_of(mode)};
  return simulate(wanted);
}
