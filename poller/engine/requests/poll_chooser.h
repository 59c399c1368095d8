// Chooses which tasks are asked now.
#pragma once

#include "store/base/time.h"

namespace kdq {

class AppTokens;
class DayBudgets;
struct AppState;
struct RoundPlan;

class PollChooser {
public:
  PollChooser(DayBudgets& budgets, AppTokens& tokens) : budgets_(budgets), tokens_(tokens) {}

  /// Adds an app's due polls, as far as its breaker lets them pass and the plan has room. Inside of
  /// Database::read().
  void choose(AppState& app, RoundPlan& plan, Moment now);

private:
  DayBudgets& budgets_;
  AppTokens& tokens_;
};

} // namespace kdq
