#include "poller/engine/day_budgets.h"

#include "poller/engine/app_state.h"
#include "poller/schedule/price_schedule.h"
#include "store/job_queue.h"
#include "store/quota_ledger.h"

#include <algorithm>

namespace kdq {
namespace {

// Of the jobs that wait, at most so many are counted when the day's budget is planned: each needs a
// row to be read, and more than a day's starts do not matter.
constexpr std::int64_t most_counted = 10'000;
constexpr std::chrono::seconds count_again{5};

} // namespace

DayBudget DayBudgets::today(const AppState& app, Moment now) {
  const CircuitBreaker& breaker = app.breaker;
  const QuotaDay& day = breaker.day(now.wall);
  DayBudget budget;
  budget.status_allowed = breaker.allowed(Endpoint::status);
  budget.status_used = ledger_.used(breaker.quota_key(Endpoint::status, now.wall));
  budget.submit_left =
      std::max<std::int64_t>(0, breaker.allowed(Endpoint::submit) -
                                    ledger_.used(breaker.quota_key(Endpoint::submit, now.wall)));
  budget.day_begins = to_steady(day.begins, now);
  budget.day_ends = to_steady(day.ends, now);
  return budget;
}

DayBudget DayBudgets::today_with_queue(const AppState& app, Moment now) {
  DayBudget budget = today(app, now);
  const std::string& name = app.breaker.name();
  auto found = waiting_.find(name);
  if (found == waiting_.end() || now.steady - found->second.counted_at >= count_again) {
    const std::int64_t jobs = queue_.waiting(name, app.breaker.day(now.wall).ends, most_counted);
    found = waiting_.insert_or_assign(name, Waiting{jobs, now.steady}).first;
  }
  budget.queued = std::min(found->second.jobs, budget.submit_left);
  return budget;
}

void DayBudgets::reprice_if_needed(AppState& app, std::size_t planned, Moment now) {
  if (!app.schedule->needs_price(now.steady))
    return;
  DayBudget budget = today_with_queue(app, now);
  budget.status_used += static_cast<std::int64_t>(planned);
  app.schedule->reprice(now.steady, budget);
}

} // namespace kdq
