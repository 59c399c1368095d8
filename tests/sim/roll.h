// What must hold where one quota day ends and the next one begins.
#pragma once

#include "poller/clock.h"
#include "tests/support/fake_kdocs.h"

#include <SQLiteCpp/Database.h>

#include <optional>
#include <string>
#include <vector>

namespace kdq::sim {

/// For a run in which the civil clock is not set, which has more jobs than one day's starts, and in
/// which nothing disturbs the roll.
class Roll {
public:
  /// Just before it. `rolls_on` and `rolls_at` are the same moment.
  void look_before(SQLite::Database& database, const test::FakeKdocs& kdocs, WallTime rolls_on,
                   SteadyTime rolls_at);
  /// A start leaves.
  void start_sent(SteadyTime now);
  /// When the first start of the new day must have been sent.
  void look_after(std::vector<std::string>& violations);

private:
  std::optional<SteadyTime> rolls_at_; ///< known once it is near
  std::optional<SteadyTime> first_start_;
  std::vector<std::string> violations_;
};

} // namespace kdq::sim
