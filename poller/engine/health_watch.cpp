#include "poller/engine/health_watch.h"

#include "poller/engine/notices.h"
#include "poller/engine/status_writer.h"
#include "store/database.h"
#include "store/notifications.h"

#include <chrono>
#include <map>
#include <set>
#include <vector>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// Most of what the view says changes by itself: a user's pause, a consent that ends.
constexpr std::chrono::milliseconds between_looks = 1min;
// After a change, so that an app that goes to and fro does not cost a look each time.
constexpr std::chrono::milliseconds soonest_look = 5s;
// One that cannot be delivered makes a row: to tell of it would make one more of them.
constexpr std::string_view own_subject = "notifications";

} // namespace

SteadyTime HealthWatch::due() const {
  if (looked_at_ == SteadyTime::min())
    return looked_at_;
  return looked_at_ + (changed_ ? soonest_look : between_looks);
}

SteadyTime HealthWatch::next_wake() const {
  return notices_.wants("health") ? due() : SteadyTime::max();
}

void HealthWatch::look(Moment now) {
  if (now.steady < next_wake())
    return;
  std::map<HealthRow, HealthRow> rows; // as it is, by what is compared
  std::vector<HealthRow> told;
  database_.read([&] {
    rows.clear();
    for (HealthRow& row : table_.health())
      if (row.subject != own_subject)
        rows.emplace(HealthRow{row.subject, without_digits(row.message)}, row);
    told = table_.told();
  });
  const std::set<HealthRow> before(told.begin(), told.end());
  std::vector<HealthRow> after;
  after.reserve(rows.size());
  for (const auto& [compared, row] : rows)
    after.push_back(compared);
  if (before != std::set<HealthRow>(after.begin(), after.end()))
    database_.write([&] {
      for (const auto& [compared, row] : rows)
        if (!before.contains(compared))
          notices_.health(row, now.wall);
      table_.set_told(after);
    });
  looked_at_ = now.steady;
  changed_ = false;
}

} // namespace kdq
