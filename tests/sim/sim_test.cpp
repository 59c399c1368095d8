#include "tests/sim/campaign.h"

#include <doctest/doctest.h>

using namespace kdq::sim;

namespace {

// With these the whole takes about two minutes on two shared cores; `sim` plays any number.
constexpr std::uint64_t sweep_seeds = 4;
constexpr std::size_t sweep_points = 100;
constexpr std::uint64_t random_seeds = 100;
constexpr std::uint64_t days_seeds = 3;
constexpr std::uint64_t restore_seeds = 8;
constexpr std::uint64_t pauses_seeds = 6;
constexpr std::uint64_t month_seeds = 2;
constexpr std::uint64_t apps_seeds = 2;

void require_promises(Mode mode, std::uint64_t seeds, std::size_t points) {
  Campaign campaign(false);
  for (std::uint64_t seed = 0; seed < seeds; ++seed)
    campaign.run(seed, mode, points, [](const Failure& failure) {
      std::string story;
      for (const std::string& violation : failure.violations)
        story += "\n  " + violation;
      FAIL_CHECK("seed " << failure.seed << ": " << story << "\n  replay: " << failure.replay());
      return false;
    });
  MESSAGE(to_text(mode), " mode\n", to_text(campaign.totals()));
  CHECK(campaign.totals().lines_handed_out > 0);
  CHECK(campaign.totals().lines_stored > 0);
  CHECK(campaign.totals().lost == 0);
  CHECK(campaign.totals().duplicates == 0);
  CHECK(campaign.totals().run_twice == 0);
}

} // namespace

TEST_CASE("the promises hold wherever the daemon is killed") {
  require_promises(Mode::kill, sweep_seeds, sweep_points);
}

TEST_CASE("the promises hold wherever the power is cut, whatever the disk forgets") {
  require_promises(Mode::power, sweep_seeds, sweep_points);
}

TEST_CASE("the promises hold wherever the disk fails or is full") {
  require_promises(Mode::ioerr, sweep_seeds, sweep_points);
}

TEST_CASE("the promises hold in long runs with several deaths") {
  require_promises(Mode::random, random_seeds, 0);
}

TEST_CASE(
    "two days of a test app, with more jobs than a day has starts: all end, within the quotas") {
  require_promises(Mode::days, days_seeds, 0);
}

TEST_CASE("the promises hold when backups are restored under the daemon") {
  require_promises(Mode::restore, restore_seeds, 0);
}

TEST_CASE("what the service asked to wait for is kept wherever the daemon dies") {
  require_promises(Mode::pauses, pauses_seeds, 0);
}

TEST_CASE("an app whose service hangs holds up no other one") {
  require_promises(Mode::apps, apps_seeds, 0);
}

TEST_CASE("a month with nobody there: tokens are renewed, backups made and restored") {
  require_promises(Mode::month, month_seeds, 0);
}
